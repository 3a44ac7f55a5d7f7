//! JSON by a schema: values that fit one, values that nearly do, and whether a value fits.

use proptest::{
    prelude::Strategy,
    strategy::{BoxedStrategy, ValueTree},
    string::string_regex,
    test_runner::TestRunner,
};
use serde_json::{Map, Number, Value, json};
use std::collections::HashMap;

/// Levels of a value that are filled in; below them what may be left out is.
const DEPTH_MAX: usize = 8;

/// The pattern of bytes of any number.
const ANY_BYTES: &str = "^0x([0-9a-f]{2})*$";
/// Characters of a hash.
const HASH_CHARS: usize = 66;

/// A document with schemas under `components`, and where its patterns' texts come from.
pub(crate) struct Schemas<'a> {
    document: &'a Value,
    runner: TestRunner,
    patterns: HashMap<String, BoxedStrategy<String>>,
    state: u64,
    /// Texts that mean something to the node, tried wherever a text of their length fits.
    known: Vec<String>,
}

impl<'a> Schemas<'a> {
    pub(crate) fn new(document: &'a Value, seed: u64, known: Vec<String>) -> Self {
        let runner = TestRunner::deterministic();
        Self { document, runner, patterns: HashMap::new(), state: seed, known }
    }

    /// A number below `bound` (SplitMix64).
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let bound = u64::try_from(bound.max(1)).expect("a small number");
        usize::try_from(mixed % bound).expect("less than a small number")
    }

    /// Follows references.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        while let Some(reference) = schema["$ref"].as_str() {
            let pointer = reference.trim_start_matches('#');
            let target = self.document.pointer(pointer);
            schema = target.unwrap_or_else(|| panic!("{reference} leads nowhere"));
        }
        schema
    }

    /// A value that fits.
    pub(crate) fn value(&mut self, schema: &'a Value, depth: usize) -> Value {
        let schema = self.resolve(schema);
        if let Some(choices) = schema["oneOf"].as_array() {
            let choice = self.below(choices.len());
            return self.value(&choices[choice], depth + 1);
        }
        if let Some(values) = schema["enum"].as_array() {
            return values[self.below(values.len())].clone();
        }
        match schema["type"].as_str() {
            Some("string") => self.text(schema),
            Some("integer") => {
                let low = schema["minimum"].as_u64().unwrap_or(0);
                let high = schema["maximum"].as_u64().unwrap_or(low + 100_000);
                let span = usize::try_from(high - low).expect("a small span");
                json!(low + self.below(span + 1) as u64)
            }
            Some("number") => json!(self.below(1_000) as f64 / 10.0),
            Some("boolean") => json!(self.below(2) == 0),
            Some("null") => Value::Null,
            Some("array") => self.list(schema, depth),
            _ => self.object(schema, depth),
        }
    }

    fn text(&mut self, schema: &Value) -> Value {
        let Some(pattern) = schema["pattern"].as_str() else {
            return json!("text".repeat(self.below(4)));
        };
        let pattern = pattern.trim_start_matches('^').trim_end_matches('$').to_owned();
        let strategy = self.patterns.entry(pattern).or_insert_with_key(|pattern| {
            string_regex(pattern).expect("the pattern is regular").boxed()
        });
        let tree = strategy.new_tree(&mut self.runner).expect("nothing is filtered");
        let text = tree.current();
        // Where any bytes fit, an encoded transaction does.
        let is_any = schema["pattern"] == ANY_BYTES;
        let fits = |known: &str| known.len() == text.len() || (is_any && known.len() > HASH_CHARS);
        let same: Vec<usize> = (0..self.known.len()).filter(|at| fits(&self.known[*at])).collect();
        if !same.is_empty() && self.below(2) == 0 {
            let chosen = same[self.below(same.len())];
            return json!(self.known[chosen]);
        }
        json!(text)
    }

    fn list(&mut self, schema: &'a Value, depth: usize) -> Value {
        let low = schema["minItems"].as_u64().unwrap_or(0);
        let high = schema["maxItems"].as_u64().unwrap_or(4).min(8).max(low);
        let span = usize::try_from(high - low).expect("a small span");
        let count =
            if depth > DEPTH_MAX { low as usize } else { low as usize + self.below(span + 1) };
        (0..count).map(|_| self.value(&schema["items"], depth + 1)).collect()
    }

    fn object(&mut self, schema: &'a Value, depth: usize) -> Value {
        let mut object = Map::new();
        let required = schema["required"].as_array();
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let is_required = required.is_some_and(|names| names.iter().any(|one| one == name));
            if is_required || (depth <= DEPTH_MAX && self.below(3) == 0) {
                object.insert(name.clone(), self.value(member, depth + 1));
            }
        }
        if schema["additionalProperties"].is_object() {
            for _ in 0..self.below(3) {
                let name = self.value(&schema["propertyNames"], depth + 1);
                let member = self.value(&schema["additionalProperties"], depth + 1);
                object.insert(name.as_str().unwrap_or("name").to_owned(), member);
            }
        }
        Value::Object(object)
    }

    /// The value with something in it that does not fit, or no longer does.
    pub(crate) fn mutated(&mut self, value: Value) -> Value {
        match value {
            Value::Object(mut members) if !members.is_empty() && self.below(4) > 0 => {
                let name =
                    members.keys().nth(self.below(members.len())).expect("one of them").clone();
                let member = members.remove(&name).expect("it was there");
                match self.below(6) {
                    0 => {}
                    1 => drop(members.insert(format!("{name}x"), member)),
                    _ => drop(members.insert(name, self.mutated(member))),
                }
                Value::Object(members)
            }
            Value::Array(mut items) if !items.is_empty() && self.below(4) > 0 => {
                let at = self.below(items.len());
                match self.below(6) {
                    0 => drop(items.remove(at)),
                    1 => items.extend(std::iter::repeat_n(items[at].clone(), 300)),
                    _ => {
                        let item = items[at].take();
                        items[at] = self.mutated(item);
                    }
                }
                Value::Array(items)
            }
            Value::String(text) if self.below(4) > 0 => json!(self.mutated_text(text)),
            _ => self.strange(),
        }
    }

    fn mutated_text(&mut self, mut text: String) -> String {
        let at = self.below(text.len());
        match self.below(6) {
            0 => text.truncate(at),
            1 => text.insert(at, '0'),
            2 => text.insert(at, 'é'),
            3 => text = text.to_uppercase(),
            4 => text = format!("0x{}", "f".repeat(self.below(200))),
            _ => text = text.trim_start_matches("0x").to_owned(),
        }
        text
    }

    fn strange(&mut self) -> Value {
        let values = [
            Value::Null,
            json!(true),
            json!(-1),
            json!(u64::MAX),
            json!(1e300),
            Number::from_f64(0.5).map_or(Value::Null, Value::Number),
            json!(""),
            json!("0x"),
            json!("0x0"),
            json!([]),
            json!({}),
            json!([[[[[[[[]]]]]]]]),
            json!({ "": { "": [{ "": null }] } }),
            json!("\u{0}\u{ffff}'\"\\"),
            json!("a".repeat(5_000)),
        ];
        values[self.below(values.len())].clone()
    }

    /// What of a value does not fit, in words.
    pub(crate) fn misfit(&self, schema: &'a Value, value: &Value) -> Option<String> {
        let schema = self.resolve(schema);
        if let Some(choices) = schema["oneOf"].as_array() {
            let misfits: Vec<String> =
                choices.iter().map_while(|choice| self.misfit(choice, value)).collect();
            return (misfits.len() == choices.len()).then(|| misfits.join("; "));
        }
        if let Some(values) = schema["enum"].as_array() {
            return (!values.contains(value)).then(|| format!("{value} is none of {values:?}"));
        }
        let is_typed = match schema["type"].as_str() {
            Some("string") => value.is_string(),
            Some("integer") => value.is_u64() || value.is_i64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some("null") => value.is_null(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            _ => true,
        };
        if !is_typed {
            return Some(format!("{value} is no {}", schema["type"]));
        }
        let is_hex = |text: &str| {
            let digits = text.strip_prefix("0x");
            digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
        };
        let wants_hex =
            schema["pattern"].as_str().is_some_and(|pattern| pattern.starts_with("^0x"));
        if wants_hex && !value.as_str().is_some_and(is_hex) {
            return Some(format!("{value} is not hexadecimal"));
        }
        self.misfit_within(schema, value)
    }

    fn misfit_within(&self, schema: &'a Value, value: &Value) -> Option<String> {
        if let Some(items) = value.as_array().filter(|_| schema["items"].is_object()) {
            return items.iter().find_map(|item| self.misfit(&schema["items"], item));
        }
        let members = value.as_object()?;
        for name in schema["required"].as_array().into_iter().flatten() {
            if !name.as_str().is_some_and(|name| members.contains_key(name)) {
                return Some(format!("{name} is missing"));
            }
        }
        members.iter().find_map(|(name, member)| {
            let known = schema["properties"].get(name);
            let other = &schema["additionalProperties"];
            let schema = known.or_else(|| other.is_object().then_some(other))?;
            self.misfit(schema, member).map(|why| format!("{name}: {why}"))
        })
    }
}
