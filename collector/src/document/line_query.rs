//! The query by which CloudWatch Logs Insights gives the lines of streams (Logs Insights QL).

/// The most rows that a query gives.
pub(crate) const ROWS: u16 = 10_000;

const STREAMS: &str = "filter @logStream in ";

/// A query of the lines of these streams.
pub(crate) fn of_streams(streams: &[String]) -> String {
    let streams = serde_json::json!(streams);
    format!(
        "fields @timestamp, @ingestionTime, @logStream, @log, @message | {STREAMS}{streams} | sort @timestamp asc | limit {ROWS}"
    )
}

/// The streams that such a query names; none of another query.
pub(crate) fn streams_of(query: &str) -> Vec<String> {
    let list = query.split_once(STREAMS).map_or("", |(_, rest)| rest);
    let mut streams = serde_json::Deserializer::from_str(list).into_iter::<Vec<String>>();
    streams.next().and_then(Result::ok).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_its_streams() {
        let streams = vec!["ecs/app/0123".to_owned(), "a \"b\" | c]".to_owned()];
        assert_eq!(streams_of(&of_streams(&streams)), streams);
        assert_eq!(streams_of("fields @message"), Vec::<String>::new());
    }
}
