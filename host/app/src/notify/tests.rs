use super::*;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use storage_contract::env::Action;

fn event(action: Action, key: &str) -> Event {
    Event {
        store: "s".to_owned(),
        action,
        key: key.to_owned(),
        size: Some(3),
        etag: Some("e".to_owned()),
        failure: None,
    }
}

struct Request {
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// Answers one connection per status, then returns the requests.
fn server(statuses: &'static [u16]) -> (String, JoinHandle<Vec<Request>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook?token=hidden", listener.local_addr().unwrap());
    let serve = move || {
        let mut requests = Vec::new();
        for status in statuses {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let mut headers = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim_end().split_once(": ") else { break };
                headers.push((name.to_ascii_lowercase(), value.to_owned()));
            }
            let mut request = Request { headers, body: String::new() };
            let length = request.header("content-length").unwrap().parse().unwrap();
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            request.body = String::from_utf8(body).unwrap();
            requests.push(request);
            let answer =
                format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
        }
        requests
    };
    (url, std::thread::spawn(serve))
}

fn notifier(config: &Value) -> Notifier {
    Notifier::new([("s", config)], Path::new("")).unwrap()
}

fn problem(config: &Value) -> String {
    Notifier::new([("s", config)], Path::new("")).err().unwrap().to_string()
}

#[tokio::test]
async fn a_webhook_is_signed_with_its_time_and_can_be_checked() {
    let (url, served) = server(&[204]);
    let hook = json!({"webhook": {"url": url, "secret": "k", "headers": {"x-team": "a"}}});
    let notifier = notifier(&json!({ "on_put": [hook] }));
    notifier.changed(event(Action::Delete, "not wanted"));
    notifier.changed(event(Action::Put, "wanted"));
    notifier.close().await;
    let requests = served.join().unwrap();
    let [request] = requests.as_slice() else { panic!("{} requests", requests.len()) };
    let time = request.header("x-storage-timestamp").unwrap();
    let wanted = format!("sha256={}", webhook::sign("k", time, &request.body));
    assert_eq!(request.header("x-storage-signature"), Some(wanted.as_str()));
    assert_eq!(request.header("x-team"), Some("a"));
    let body: Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body["key"], "wanted");
    assert_eq!(body["action"], "put");
    assert_eq!(body["error"], Value::Null);
    assert_eq!(notifier.lost(), 0);
}

#[test]
fn a_signature_is_the_hmac_of_time_dot_body() {
    // From: printf '1.{}' | openssl dgst -sha256 -hmac k
    let known = "3dd49b2593d0f9a349e9e71c4bde3e2b862c2be4003fe9b4ba81332029310158";
    assert_eq!(webhook::sign("k", "1", "{}"), known);
}

#[tokio::test]
async fn a_webhook_is_tried_again_after_a_server_error_under_the_same_id() {
    let (url, served) = server(&[503, 500, 200]);
    let notifier = notifier(&json!({"on_change": [{"webhook": {"url": url}}]}));
    notifier.changed(event(Action::Put, "k"));
    notifier.close().await;
    let requests = served.join().unwrap();
    let ids: Vec<_> = requests.iter().map(|r| r.header("x-storage-event").unwrap()).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[tokio::test]
async fn a_webhook_is_not_tried_again_after_a_refusal() {
    let (url, served) = server(&[403, 200]);
    let notifier = notifier(&json!({"on_change": [{"webhook": {"url": url}}]}));
    notifier.changed(event(Action::Put, "first"));
    notifier.changed(event(Action::Put, "second"));
    notifier.close().await;
    let requests = served.join().unwrap();
    assert!(requests[0].body.contains("first"));
    assert!(requests[1].body.contains("second"));
}

#[tokio::test]
async fn a_file_gets_one_line_per_event_and_a_failing_handler_stops_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    let missing = directory.path().join("missing/events");
    let notifier = notifier(&json!({
        "on_change": [{"file": {"path": missing}}, {"file": {"path": path}}],
        "on_delete": [{"log": {}}],
    }));
    notifier.changed(event(Action::Put, "new\nline"));
    let failure = Some(Error::Unavailable("down".to_owned()));
    notifier.changed(Event { failure, ..event(Action::Delete, "b") });
    notifier.close().await;
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["key"], "new\nline");
    assert_eq!(lines[1]["error"]["code"], "unavailable");
}

#[tokio::test]
async fn a_command_gets_the_event_on_its_input_and_no_shell_sees_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out $(x)");
    let notifier = notifier(&json!({
        "on_change": [{"exec": {"command": ["tee", path]}}],
    }));
    notifier.changed(event(Action::Put, "k"));
    notifier.close().await;
    let body: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(body["etag"], "e");
}

#[tokio::test]
async fn a_command_that_hangs_is_ended_and_the_next_event_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events");
    let notifier = notifier(&json!({
        "on_change": [
            {"exec": {"command": ["sleep", "1000"], "timeout": 0.05}},
            {"file": {"path": path}},
        ],
    }));
    notifier.changed(event(Action::Put, "k"));
    notifier.close().await;
    assert_eq!(std::fs::read_to_string(path).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn what_does_not_fit_or_comes_too_late_is_counted() {
    let config = json!({"on_change": [{"exec": {"command": ["sleep", "1000"]}}]});
    let notifier = Notifier::with_queue([("s", &config)], Path::new(""), 1).unwrap();
    for _ in 0..10 {
        notifier.changed(event(Action::Put, "k"));
    }
    // The worker holds at most one event, and the queue another.
    assert!(notifier.lost() >= 8);
    notifier.close_within(Duration::from_millis(50)).await;
    notifier.changed(event(Action::Put, "late"));
    assert!(notifier.lost() >= 9);
}

#[test]
fn wrong_handlers_are_refused_by_place_and_without_secrets() {
    let wrong = json!({"on_put": [{"log": {}}, {"webhook": {"url": "ftp://u:pw@h/x"}}]});
    let text = problem(&wrong);
    assert!(text.contains("store \"s\": on_put: [1]: webhook: url must begin with http"), "{text}");
    assert!(!text.contains("pw"), "{text}");
    for (config, part) in [
        (json!({"on_put": {}}), "must be a list"),
        (json!({"on_put": [{"mail": {}}]}), "there is no \"mail\""),
        (json!({"on_put": [{"log": {"levle": "info"}}]}), "there is no \"levle\""),
        (json!({"on_put": [{"exec": {"command": []}}]}), "must have at least 1 item"),
        (json!({"on_put": [{"exec": {"command": [""]}}]}), "must name a program"),
        (
            json!({"on_put": [{"exec": {"command": ["x"], "timeout": 0}}]}),
            "timeout: must be more than 0",
        ),
        (json!({"on_put": [{"file": {"path": ""}}]}), "path: must have at least 1 character"),
        (json!({"on_put": [{"webhook": {"url": "http://h", "secret": ""}}]}), "secret is empty"),
        (json!({"on_put": [{"webhook": {"url": "http://h", "retries": 99}}]}), "at most 20"),
        (json!({"on_put": [{"webhook": {"url": "http://h", "headers": {"a b": ""}}}]}), "header"),
    ] {
        let text = problem(&config);
        assert!(text.contains(part), "{text}");
    }
}
