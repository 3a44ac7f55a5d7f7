//! Requests in, responses out: JSON-RPC 2.0 to the letter.
//!
//! Everything is read as raw slices of the text that arrived, so an id goes back byte for byte, whatever number
//! or string it is, and parameters are decoded once, into what the method needs.

use crate::{
    error::{INVALID_REQUEST, PARSE_ERROR, RpcError},
    json::Answer,
};
use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// One member of a batch, or a single request.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    /// A call that wants an answer.
    Call(Call<'a>),
    /// A call without an id: it is run, nothing is answered.
    Notification(Call<'a>),
    /// Not a request; answered with this error under this id.
    Invalid {
        /// The id where one could be read, `null` otherwise.
        id: &'a str,
        /// Why.
        error: RpcError,
    },
}

/// A method with its parameters.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// The id as it stood in the text; `null` for a notification.
    pub(crate) id: &'a str,
    /// The method's name.
    pub(crate) method: Cow<'a, str>,
    /// The text of the parameters, an array or an object.
    pub(crate) params: Option<&'a str>,
}

/// What a message holds.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    /// One request.
    Single(Entry<'a>),
    /// The members of a non-empty batch, unread.
    Batch(Vec<&'a RawValue>),
}

const NULL: &str = "null";

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
}

/// Keeps an explicit `null` apart from an absent member.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Splits a message into requests without running anything.
///
/// # Errors
/// What to answer (with id `null`) if the text is not JSON or holds no request.
pub(crate) fn parse(body: &[u8]) -> Result<Message<'_>, RpcError> {
    let parse_error = || RpcError::new(PARSE_ERROR, "parse error");
    let text = std::str::from_utf8(body).map_err(|_| parse_error())?;
    let value: &RawValue = serde_json::from_str(text).map_err(|_| parse_error())?;
    match value.get().as_bytes().first() {
        Some(b'[') => {
            let members: Vec<&RawValue> =
                serde_json::from_str(value.get()).map_err(|_| parse_error())?;
            if members.is_empty() {
                return Err(RpcError::new(INVALID_REQUEST, "empty batch"));
            }
            Ok(Message::Batch(members))
        }
        _ => Ok(Message::Single(parse_entry(value))),
    }
}

/// Reads one request.
pub(crate) fn parse_entry(value: &RawValue) -> Entry<'_> {
    let invalid =
        |id, why: &'static str| Entry::Invalid { id, error: RpcError::new(INVALID_REQUEST, why) };
    if !value.get().starts_with('{') {
        return invalid(NULL, "invalid request: not an object");
    }
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(value.get()) else {
        return invalid(NULL, "invalid request: a member is given twice");
    };
    let id = match envelope.id.map(RawValue::get) {
        Some(id) if is_id(id) => Some(id),
        Some(_) => return invalid(NULL, "invalid request: id is not a string, a number or null"),
        None => None,
    };
    let answer_id = id.unwrap_or(NULL);
    if envelope.jsonrpc.and_then(string).as_deref() != Some("2.0") {
        return invalid(answer_id, "invalid request: jsonrpc is not \"2.0\"");
    }
    let Some(method) = envelope.method.and_then(string) else {
        return invalid(answer_id, "invalid request: method is not a string");
    };
    let params = match envelope.params.map(RawValue::get) {
        None | Some(NULL) => None,
        Some(params) if params.starts_with(['[', '{']) => Some(params),
        Some(_) => return invalid(answer_id, "invalid request: params is not an array or object"),
    };
    let call = Call { id: answer_id, method, params };
    if id.is_some() { Entry::Call(call) } else { Entry::Notification(call) }
}

fn is_id(raw: &str) -> bool {
    raw == NULL
        || raw.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit())
}

/// The value of a JSON string; borrowed unless it has escapes.
fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw.get()).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// Writes a response to the end of `out`.
pub(crate) fn write_response(id: &str, answer: &Answer, out: &mut String) {
    out.push_str(r#"{"jsonrpc":"2.0","id":"#);
    out.push_str(id);
    match answer {
        Ok(result) => {
            out.push_str(r#","result":"#);
            out.push_str(result.as_str());
        }
        Err(error) => {
            out.push_str(r#","error":"#);
            let text = serde_json::to_string(error).expect("an integer and strings can be written");
            out.push_str(&text);
        }
    }
    out.push('}');
}

/// A response on its own.
pub(crate) fn response(id: &str, answer: &Answer) -> String {
    let result_bytes = answer.as_ref().map_or(128, |json| json.as_str().len());
    let mut out = String::with_capacity(48 + id.len() + result_bytes);
    write_response(id, answer, &mut out);
    out
}

/// The parameters of a call, cheap to keep beyond the request's buffer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Bytes);

impl Params {
    /// Takes the slice `text` of `body` without copying it.
    pub(crate) fn of(body: &Bytes, text: Option<&str>) -> Self {
        Self(text.map_or_else(Bytes::new, |text| body.slice_ref(text.as_bytes())))
    }

    /// The text; empty if the request had no parameters.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a slice of a checked string at character borders")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(text: &str) -> String {
        match parse(text.as_bytes()) {
            Ok(Message::Single(Entry::Call(call))) => {
                format!("call {} {} {:?}", call.id, call.method, call.params)
            }
            Ok(Message::Single(Entry::Notification(call))) => format!("notify {}", call.method),
            Ok(Message::Single(Entry::Invalid { id, error })) => {
                format!("invalid {id} {}", error.code)
            }
            Ok(Message::Batch(members)) => format!("batch {}", members.len()),
            Err(error) => format!("error {}", error.code),
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(entry(text), expected, "{text}");
    }

    #[test]
    fn requests_are_read() {
        check(r#"{"jsonrpc":"2.0","id":1,"method":"a"}"#, "call 1 a None");
        check(
            r#" {"jsonrpc":"2.0","id":1,"method":"a","params":[1, 2]} "#,
            "call 1 a Some(\"[1, 2]\")",
        );
        check(r#"{"jsonrpc":"2.0","id":1,"method":"a","params":null}"#, "call 1 a None");
        check(r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{}}"#, "call 1 a Some(\"{}\")");
        check(r#"{"jsonrpc":"2.0","method":"a"}"#, "notify a");
        check(r#"{"jsonrpc":"2.0","id":null,"method":"a"}"#, "call null a None");
        check(r#"{"jsonrpc":"2.\u0030","id":1,"method":"\u0061"}"#, "call 1 a None");
        check(r#"{"\u006asonrpc":"2.0","id":1,"method":"a","more":[]}"#, "call 1 a None");
    }

    #[test]
    fn ids_are_kept_byte_for_byte() {
        for id in [
            "0",
            "-1",
            "1.50",
            "1e3",
            "18446744073709551615",
            "123456789012345678901234567890",
            r#""""#,
            r#""a\u0041\n""#,
            "null",
            "9007199254740993",
        ] {
            check(
                &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"a"}}"#),
                &format!("call {id} a None"),
            );
        }
    }

    #[test]
    fn what_is_no_request_is_invalid() {
        for (text, expected) in [
            (r#"{"id":1,"method":"a"}"#, "invalid 1 -32600"),
            (r#"{"jsonrpc":"1.0","id":1,"method":"a"}"#, "invalid 1 -32600"),
            (r#"{"jsonrpc":2.0,"id":1,"method":"a"}"#, "invalid 1 -32600"),
            (r#"{"jsonrpc":"2.0","id":1}"#, "invalid 1 -32600"),
            (r#"{"jsonrpc":"2.0","id":1,"method":1}"#, "invalid 1 -32600"),
            (r#"{"jsonrpc":"2.0","id":true,"method":"a"}"#, "invalid null -32600"),
            (r#"{"jsonrpc":"2.0","id":[],"method":"a"}"#, "invalid null -32600"),
            (r#"{"jsonrpc":"2.0","id":{},"method":"a"}"#, "invalid null -32600"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","params":"b"}"#, "invalid 1 -32600"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","params":3}"#, "invalid 1 -32600"),
            (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}"#, "invalid null -32600"),
            ("1", "invalid null -32600"),
            ("\"a\"", "invalid null -32600"),
            ("null", "invalid null -32600"),
            ("true", "invalid null -32600"),
            ("[]", "error -32600"),
            ("[1]", "batch 1"),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn what_is_no_json_is_a_parse_error() {
        for text in
            ["", " ", "{", "[1,", "nul", r#"{"jsonrpc":"2.0""#, "{} {}", "{'a':1}", "\u{feff}{}"]
        {
            check(text, "error -32700");
        }
        assert_eq!(parse(b"{\"a\":\"\xff\"}").unwrap_err().code, PARSE_ERROR);
        let deep = "[".repeat(100_000);
        check(&deep, "error -32700");
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in ".{0,64}") {
            let _ = parse(text.as_bytes());
        }

        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn string_ids_and_methods_round_trip(id in ".{0,24}", method in ".{0,24}") {
            let request = serde_json::json!({"jsonrpc": "2.0", "id": id, "method": method}).to_string();
            let Ok(Message::Single(Entry::Call(call))) = parse(request.as_bytes()) else {
                panic!("not a call: {request}");
            };
            prop_assert_eq!(&call.method, method.as_str());
            let answer: serde_json::Value =
                serde_json::from_str(&response(call.id, &crate::json::Json::of(&method))).unwrap();
            prop_assert_eq!(answer["id"].as_str(), Some(id.as_str()));
            prop_assert_eq!(answer["result"].as_str(), Some(method.as_str()));
        }
    }
}
