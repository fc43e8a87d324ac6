//! The RPC v2 CBOR protocol of Amazon CloudWatch (Smithy, "Smithy RPC v2 CBOR"): requests and answers are CBOR maps.
//!
//! A document is JSON, whatever the wire has. So an answer becomes the JSON that the JSON protocol has for it: a time is a
//! number of seconds since 1970.

use ciborium::Value as Cbor;
use serde_json::{Map, Value};

/// The map in a body. `None` where the body is none, or holds what JSON has no form for.
pub(super) fn object(body: &[u8]) -> Option<Map<String, Value>> {
    match json(ciborium::from_reader(body).ok()?)? {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

fn json(value: Cbor) -> Option<Value> {
    Some(match value {
        Cbor::Null => Value::Null,
        Cbor::Bool(value) => value.into(),
        Cbor::Integer(value) => i64::try_from(value).ok()?.into(),
        Cbor::Float(value) => serde_json::Number::from_f64(value)?.into(),
        Cbor::Text(value) => value.into(),
        // Tag 1 is a time.
        Cbor::Tag(_, value) => json(*value)?,
        Cbor::Array(items) => Value::Array(items.into_iter().map(json).collect::<Option<_>>()?),
        Cbor::Map(members) => {
            let member = |(key, value): (Cbor, Cbor)| Some((key.into_text().ok()?, json(value)?));
            Value::Object(members.into_iter().map(member).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Cbor) -> Option<Value> {
        let mut body = Vec::new();
        ciborium::into_writer(value, &mut body).ok()?;
        object(&body).map(Value::Object)
    }

    fn map(value: Cbor) -> Cbor {
        Cbor::Map(vec![(Cbor::Text("a".to_owned()), value)])
    }

    #[test]
    fn a_map_is_what_the_json_protocol_has() {
        let time = Cbor::Tag(1, Box::new(Cbor::Float(1_700_000_000.5)));
        let list = Cbor::Array(vec![time, Cbor::Null, Cbor::Bool(true), Cbor::Integer(7.into())]);
        assert_eq!(read(&map(list)), Some(json!({ "a": [1_700_000_000.5, null, true, 7] })));
        assert_eq!(read(&Cbor::Map(vec![])), Some(json!({})));
    }

    #[test]
    fn anything_else_is_no_answer() {
        for value in [Cbor::Null, Cbor::Text("x".to_owned()), map(Cbor::Bytes(vec![1])), map(Cbor::Float(f64::NAN))] {
            assert_eq!(read(&value), None, "{value:?}");
        }
        let deep = [0x81].repeat(100_000);
        for body in [b"".as_slice(), b"<html>", b"{\"a\":1}", b"\xbf\x61a", &deep] {
            assert_eq!(object(body), None);
        }
    }
}
