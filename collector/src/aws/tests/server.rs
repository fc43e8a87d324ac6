//! An HTTP server that gives the next of its replies to each request that comes.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// What a request is answered with.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// A JSON answer.
    Json(u16, Value),
    /// An XML answer of the Query protocol.
    Xml(u16, String),
    /// An answer as it stands.
    Text(u16, &'static str),
    /// An answer that is cut off in the middle.
    Cut,
    /// The connection is closed without an answer.
    Close,
    /// Nothing comes.
    Hang,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    /// The operation that `x-amz-target` names, or the `Action` of a form.
    pub(super) operation: String,
    pub(super) user_agent: String,
    /// The scope of the signature, e.g. `20261123/eu-west-1/ecs/aws4_request`.
    pub(super) scope: String,
    pub(super) body: Value,
}

#[derive(Debug, Default)]
struct State {
    replies: VecDeque<Reply>,
    asked: Vec<Asked>,
}

#[derive(Debug, Clone)]
pub(super) struct Server {
    state: Arc<Mutex<State>>,
    pub(super) url: String,
}

impl Server {
    pub(super) fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { replies: replies.into_iter().collect(), asked: vec![] }));
        let server = Self { state, url };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = serving.clone();
                std::thread::spawn(move || while server.serve(&stream).is_some() {});
            }
        });
        server
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    /// Serves one request of a connection; `None` where that was its last.
    fn serve(&self, mut stream: &TcpStream) -> Option<()> {
        let asked = read(stream)?;
        let reply = {
            let mut state = self.state.lock().unwrap();
            state.asked.push(asked);
            state.replies.pop_front().unwrap_or(Reply::Text(599, "no more replies"))
        };
        let (status, content_type, body) = match reply {
            Reply::Json(status, body) => (status, "application/x-amz-json-1.1", body.to_string()),
            Reply::Xml(status, body) => (status, "text/xml", body),
            Reply::Text(status, body) => (status, "text/html", body.to_owned()),
            Reply::Cut => {
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nx-amzn-requestid: r-cut\r\n\r\n{\"tasks\": [";
                stream.write_all(head.as_bytes()).ok()?;
                stream.shutdown(std::net::Shutdown::Both).ok()?;
                return None;
            }
            Reply::Close => {
                stream.shutdown(std::net::Shutdown::Both).ok()?;
                return None;
            }
            Reply::Hang => {
                // Until the other side gives up.
                while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
                return None;
            }
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\
             x-amzn-requestid: r-{status}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body.as_bytes()).ok()
    }
}

fn read(mut stream: &TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(asked) = parse(&bytes) {
            return Some(asked);
        }
        match stream.read(&mut buffer).ok()? {
            0 => return None,
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Asked> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let header = |name: &str| {
        let value = |line: &str| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        head.lines().find_map(value).unwrap_or_default()
    };
    let length: usize = header("content-length").parse().unwrap_or(0);
    let body = bytes.get(end + 4..end + 4 + length)?;
    let authorization = header("authorization");
    let scope = authorization.split("Credential=").nth(1).and_then(|rest| rest.split(',').next()).unwrap_or_default();
    let target = header("x-amz-target").rsplit('.').next().unwrap_or_default().to_owned();
    let body: Value = match target.as_str() {
        "" => url::form_urlencoded::parse(body).map(|(key, value)| (key.into_owned(), Value::from(&*value))).collect(),
        _ => serde_json::from_slice(body).unwrap(),
    };
    Some(Asked {
        operation: body.get("Action").and_then(Value::as_str).map_or(target, str::to_owned),
        user_agent: header("user-agent"),
        scope: scope.split_once('/').map(|(_, scope)| scope.to_owned()).unwrap_or_default(),
        body,
    })
}
