//! The transformers in `examples/plugins` that are not in Rust: built as the
//! README says, and their functions called in Node.js.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use storage_tests::plugins;

fn said(answer: &Value) -> &str {
    answer["message"].as_str().unwrap_or_default()
}

#[test]
fn redact_takes_addresses_out_of_text_and_refuses_the_rest() -> Result<()> {
    let component = plugins::javascript("redact")?;
    let text = "Ask ada.lovelace@example.org or müller@beispiel.de.\nNot: a @ b, @c, 3@\n";
    let answers = plugins::call(
        &component,
        &json!([
            ["describe"],
            ["configure", r#"{"mask": "<address>"}"#],
            ["encode", "mail.txt", text],
            ["decode", "mail.txt", "stored@example.org"],
            ["encode", "image", [255, 254]],
            ["encode", "empty", ""],
        ]),
    )?;
    ensure!(answers[0]["ok"]["name"] == "RedactStore", "{answers:?}");
    let data = &answers[1]["ok"]["data"];
    ensure!(data["tag"] == "whole" && data["val"]["reversible"] == false, "{answers:?}");
    let redacted = "Ask <address> or <address>.\nNot: a @ b, @c, 3@\n";
    ensure!(answers[2]["ok"] == redacted, "{answers:?}");
    ensure!(answers[3]["ok"] == "stored@example.org", "{answers:?}");
    ensure!(answers[4]["error"] == "invalid-data", "{answers:?}");
    ensure!(said(&answers[4]).contains("\"image\" is not text in UTF-8"), "{answers:?}");
    ensure!(answers[5]["ok"] == "", "{answers:?}");
    Ok(())
}

#[test]
fn json_schema_refuses_documents_and_names_the_path() -> Result<()> {
    let component = plugins::python("json-schema")?;
    let schema = json!({"schema": {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "minLength": 1},
            "address": {"type": "object", "properties": {"zip": {"pattern": "^[0-9]{5}$"}}},
        },
    }});
    let good = r#"{"name": "Ada", "address": {"zip": "12345"}}"#;
    let refused = [
        (r#"{"name": "Ada", "address": {"zip": "1234"}}"#, "document.address.zip must match"),
        (r#"{"address": {}}"#, "document must contain ['name'] properties"),
        (r#"{"name": ""}"#, "document.name must be longer"),
        ("{", "not JSON: Expecting property name"),
        ("", "not JSON"),
    ];
    let mut calls = vec![
        json!(["describe"]),
        json!(["configure", schema.to_string()]),
        json!(["validate", "good.json", good]),
    ];
    calls.extend(refused.iter().map(|(document, _)| json!(["validate", "bad.json", document])));
    calls.push(json!(["configure", r#"{"schema": {"type": "text"}}"#]));

    let answers = plugins::call(&component, &Value::Array(calls))?;
    ensure!(answers[0]["ok"]["name"] == "JsonSchemaStore", "{answers:?}");
    ensure!(answers[1]["ok"]["validation"]["tag"] == "objects", "{answers:?}");
    ensure!(answers[2]["ok"].is_null() && answers[2].get("error").is_none(), "{answers:?}");
    for ((document, why), answer) in refused.iter().zip(&answers[3..]) {
        ensure!(answer["error"] == "invalid-data", "{document}: {answer}");
        ensure!(said(answer).starts_with("bad.json: "), "{document}: {answer}");
        ensure!(said(answer).contains(why), "{document}: {answer}");
    }
    let wrong = answers.last().context("no answers")?;
    ensure!(wrong["error"] == "invalid-config", "{wrong}");
    ensure!(said(wrong).starts_with("schema: "), "{wrong}");
    Ok(())
}
