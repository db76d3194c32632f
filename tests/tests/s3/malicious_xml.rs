//! Malicious XML documents: they cost little, read nothing and change nothing.

use anyhow::{Context, Result, ensure};
use storage_tests::http;
use storage_tests::server::{SECRET_KEY, Server};

const STORE: &str = "stores: {main: {type: DictStore}}\nmain: main\n";

/// The server's memory limit for all of them, in MiB. Documents of 8 MiB are allowed;
/// each takes four times that when parsed, and there may be several at a time.
const MOST: usize = 400;

/// "Billion laughs": nine levels of entities that each expand to ten, some ten
/// gigabytes.
fn laughs() -> String {
    let mut entities = "<!ENTITY e0 \"aaaaaaaaaa\">".to_owned();
    for i in 1..10 {
        let ten = format!("&e{};", i - 1).repeat(10);
        entities.push_str(&format!("<!ENTITY e{i} \"{ten}\">"));
    }
    format!("<!DOCTYPE d [{entities}]>")
}

/// Attacks, each with a document type and the content of an otherwise well-formed
/// document.
fn bombs() -> Vec<(&'static str, String, String)> {
    let deep = 500_000;
    let long = 2_000_000;
    let entity = |what: &str| format!("<!DOCTYPE d [<!ENTITY e {what}>]>");
    let attributes: String = (0..100_000).map(|i| format!(" a{i}=\"\"")).collect();
    vec![
        ("a billion laughs", laughs(), "&e9;".to_owned()),
        (
            "a large entity again and again",
            entity(&format!("\"{}\"", "a".repeat(100_000))),
            "&e;".repeat(100_000),
        ),
        ("a file", entity("SYSTEM \"file:///etc/passwd\""), "&e;".to_owned()),
        ("a file of the server", entity("SYSTEM \"stores.yaml\""), "&e;".to_owned()),
        ("another document", entity("PUBLIC \"x\" \"http://127.0.0.1:1/\""), "&e;".to_owned()),
        (
            "half a million levels",
            String::new(),
            format!("{}{}", "<a>".repeat(deep), "</a>".repeat(deep)),
        ),
        ("levels that don't end", String::new(), "<a>".repeat(deep)),
        ("attributes without end", String::new(), format!("<a{attributes}></a>")),
        ("a name without end", String::new(), format!("<{0}></{0}>", "n".repeat(long))),
        ("references to letters", String::new(), "&#97;".repeat(long / 2)),
        ("a comment that doesn't end", String::new(), format!("<!--{}", "-".repeat(long))),
        ("bytes that are no text", String::new(), "\u{1}\u{2}".to_owned()),
    ]
}

fn most_memory(server: &Server) -> Result<usize> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid()))?;
    let line = status.lines().find(|line| line.starts_with("VmHWM")).context("no VmHWM")?;
    let kib: usize = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kib / 1024)
}

#[test]
fn no_document_costs_much_or_reads_a_file() -> Result<()> {
    let serve = "anonymous: true\n  buckets: dynamic";
    let server = Server::start_serving(STORE, serve)?;
    let port = server.port();
    ensure!(http::request(port, "PUT", "/bucket", &[], b"")?.0 == 200);
    ensure!(http::request(port, "PUT", "/bucket/k", &[], b"kept")?.0 == 200);
    let (_, _, body) = http::request(port, "POST", "/bucket/k?uploads", &[], b"")?;
    let body = String::from_utf8(body)?;
    let id = body.split("<UploadId>").nth(1).and_then(|rest| rest.split('<').next());
    let complete = format!("/bucket/k?uploadId={}", id.context("an upload id")?);
    for (method, path, before, after) in [
        ("POST", "/bucket?delete", "<Delete><Object><Key>", "</Key></Object></Delete>"),
        (
            "PUT",
            "/bucket/k?tagging",
            "<Tagging><TagSet><Tag><Key>",
            "</Key><Value/></Tag></TagSet></Tagging>",
        ),
        (
            "PUT",
            "/bucket?cors",
            "<CORSConfiguration><CORSRule><AllowedOrigin>",
            "</AllowedOrigin></CORSRule></CORSConfiguration>",
        ),
        (
            "POST",
            complete.as_str(),
            "<CompleteMultipartUpload><Part><ETag>",
            "</ETag></Part></CompleteMultipartUpload>",
        ),
        (
            "PUT",
            "/another",
            "<CreateBucketConfiguration><LocationConstraint>",
            "</LocationConstraint></CreateBucketConfiguration>",
        ),
    ] {
        for (what, head, inside) in bombs() {
            let document = format!("{head}{before}{inside}{after}");
            let (status, _, body) = http::request(port, method, path, &[], document.as_bytes())?;
            let body = String::from_utf8_lossy(&body);
            let told = format!("{what} to {path}: {status} {}", body.get(..500).unwrap_or(&body));
            // Keys may be long and odd, so an answer that none matches is fine, too.
            ensure!(status == 200 || (400..500).contains(&status), "{told}");
            ensure!(!body.contains("root:") && !body.contains(SECRET_KEY), "{told}");
            ensure!(!body.contains("DictStore"), "{told}");
            let most = most_memory(&server)?;
            ensure!(most < MOST, "{told}: {most} MiB");
        }
    }
    ensure!(http::request(port, "GET", "/bucket/k", &[], b"")?.2 == b"kept");
    println!("at most {} MiB", most_memory(&server)?);
    server.stop()?;
    Ok(())
}
