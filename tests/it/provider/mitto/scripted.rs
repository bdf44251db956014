//! A TCP server that plays a script, byte by byte, and keeps every request that reached it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The reaction to one request once it has been read.
#[derive(Clone)]
pub enum Step {
    /// Send these bytes and keep the connection.
    Answer(Vec<u8>),
    /// Send these bytes, and close the connection.
    Close(Vec<u8>),
    /// Send these bytes, and reset the connection.
    Reset(Vec<u8>),
    /// Send these bytes, and nothing more.
    Hang(Vec<u8>),
}

/// The server. What the script does not foresee is answered with the id `UNEXPECTED`.
pub struct Scripted {
    pub base: String,
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

impl Scripted {
    pub async fn play(script: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self {
            base: format!("http://127.0.0.1:{port}"),
            port,
            requests: Arc::default(),
            connections: Arc::default(),
        };
        let script = Arc::new(Mutex::new(VecDeque::from(script)));
        let (requests, connections) = (server.requests.clone(), server.connections.clone());
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                *connections.lock().unwrap() += 1;
                tokio::spawn(serve(connection, script.clone(), requests.clone()));
            }
        });
        server
    }

    /// The same server under a scheme that it does not speak.
    pub fn https(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Every request so far, after a moment in which a hidden one would have come.
    pub async fn requests(&self) -> Vec<String> {
        tokio::time::sleep(Duration::from_millis(30)).await;
        self.requests.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

async fn serve(mut connection: TcpStream, script: Arc<Mutex<VecDeque<Step>>>, requests: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read_request(&mut connection).await {
        requests.lock().unwrap().push(request);
        let step = script.lock().unwrap().pop_front();
        match step.unwrap_or_else(|| Step::Answer(json(200, r#"{"id":"UNEXPECTED"}"#))) {
            Step::Answer(bytes) => connection.write_all(&bytes).await.unwrap(),
            Step::Close(bytes) => {
                connection.write_all(&bytes).await.unwrap();
                return;
            }
            Step::Reset(bytes) => {
                connection.write_all(&bytes).await.unwrap();
                connection.set_zero_linger().unwrap();
                return;
            }
            Step::Hang(bytes) => {
                connection.write_all(&bytes).await.unwrap();
                tokio::time::sleep(Duration::from_mins(1)).await;
            }
        }
    }
}

/// One request with its body; `None` at the end of the connection.
async fn read_request(connection: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.split("content-length:").nth(1).and_then(|rest| rest.lines().next());
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return Some(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// A whole answer.
pub fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status} Word\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// A whole answer in JSON.
pub fn json(status: u16, body: &str) -> Vec<u8> {
    answer(status, "content-type: application/json\r\n", body.as_bytes())
}

/// The head and the start of an answer that promises more.
pub fn half(status: u16) -> Vec<u8> {
    format!("HTTP/1.1 {status} Word\r\ncontent-length: 4000\r\n\r\n{{\"id\":\"01\"").into_bytes()
}
