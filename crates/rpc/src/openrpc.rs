//! `rpc.discover`: what this server answers, as a document that programs read (OpenRPC 1.3.2, EIP-1901).

use crate::{
    api::Api,
    args::Args,
    json::{Answer, Json},
    methods::{METHODS, Method},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::LazyLock};

/// The version of the specification that the document follows.
const OPENRPC_VERSION: &str = "1.3.2";

/// The schemas of parameters and results. Those of `eth_` say what execution-apis says, in our own words.
#[derive(Debug, Deserialize)]
struct Schemas {
    /// By the name under which others refer to them.
    schemas: Value,
    /// By the name of the parameter, or `method.parameter` where a method means something else by it.
    params: BTreeMap<String, Value>,
    /// By method.
    results: BTreeMap<String, Value>,
}

static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
    let text = include_str!("openrpc/schemas.json");
    serde_json::from_str(text).expect("a test reads the file, which is part of the program")
});

impl Schemas {
    fn param(&self, method: &str, param: &str) -> Option<&Value> {
        self.params.get(&format!("{method}.{param}")).or_else(|| self.params.get(param))
    }
}

/// `rpc.discover`: the methods that this server offers.
pub(crate) fn discover(api: &Api, _: &Args<'_>) -> Answer {
    Json::of(&document(METHODS.iter().filter(|method| is_offered(api, method))))
}

/// Whether the server has what the method asks.
fn is_offered(api: &Api, method: &Method) -> bool {
    let backends = &api.backends;
    if method.name.starts_with("weir_admin") {
        return backends.admin.is_some();
    }
    let needs_pools = !method.needs_chain() && method.name.starts_with("weir_");
    match method.name {
        "weir_batches" => backends.batches.is_some(),
        "weir_subscribe" | "weir_unsubscribe" => true,
        _ if needs_pools => backends.pools.is_some(),
        _ => !method.needs_chain() || backends.chain.is_some(),
    }
}

fn document<'a>(methods: impl Iterator<Item = &'a Method>) -> Value {
    json!({
        "openrpc": OPENRPC_VERSION,
        "info": { "title": "Weir", "version": env!("CARGO_PKG_VERSION") },
        "methods": methods.map(described).collect::<Vec<_>>(),
        "components": { "schemas": SCHEMAS.schemas },
    })
}

fn described(method: &Method) -> Value {
    let any = json!({});
    let names = method.params.split(',').filter(|name| !name.is_empty());
    let params: Vec<Value> = names
        .map(|name| {
            let (name, is_required) = match name.strip_suffix('?') {
                Some(name) => (name, false),
                None => (name, true),
            };
            let schema = SCHEMAS.param(method.name, name).unwrap_or(&any);
            json!({ "name": name, "required": is_required, "schema": schema })
        })
        .collect();
    let schema = SCHEMAS.results.get(method.name).unwrap_or(&any);
    json!({
        "name": method.name,
        "paramStructure": "by-position",
        "params": params,
        "result": { "name": "result", "schema": schema },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `$ref` within a value.
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match member.as_str().filter(|_| name == "$ref") {
                        Some(reference) => found.push(reference),
                        None => references(member, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_method_is_described_and_every_reference_leads_somewhere() {
        let mut used = Vec::new();
        for method in METHODS {
            assert!(SCHEMAS.results.contains_key(method.name), "{} has a result", method.name);
            for name in method.params.split(',').filter(|name| !name.is_empty()) {
                let name = name.trim_end_matches('?');
                assert!(SCHEMAS.param(method.name, name).is_some(), "{}: {name}", method.name);
                used.extend([name.to_owned(), format!("{}.{name}", method.name)]);
            }
        }
        for name in SCHEMAS.params.keys() {
            assert!(used.contains(name), "{name} is the parameter of some method");
        }
        for name in SCHEMAS.results.keys() {
            assert!(METHODS.iter().any(|method| method.name == name), "{name} is a method");
        }
        let document = document(METHODS.iter());
        let mut found = Vec::new();
        references(&document, &mut found);
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("references are within the document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}
