//! `weir admin` and `weir health`: a running node from outside.

use crate::{
    cli::{AdminArgs, AdminCommand, HealthArgs},
    command::node::block_on,
};
use eyre::{Context, eyre};
use jsonrpsee::{
    core::{client::ClientT, params::ArrayParams},
    http_client::{HeaderMap, HeaderValue, HttpClient, HttpClientBuilder},
    rpc_params,
};
use serde_json::{Value, json};
use std::process::ExitCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use weir_rpc::JwtSecret;

/// Bytes of a probe's answer that are read at most.
const PROBE_BYTES_MAX: u64 = 4_096;

/// Calls the method and prints what it answers.
pub(crate) fn run(args: AdminArgs) -> eyre::Result<ExitCode> {
    let secret = JwtSecret::read(&args.jwt)?;
    let (method, params) = request(args.command)?;
    let token = secret.token(&args.caller);
    let answer = block_on(async { call(&args.url, &token, method, params).await })?;
    println!("{}", serde_json::to_string_pretty(&answer)?);
    Ok(ExitCode::SUCCESS)
}

fn request(command: AdminCommand) -> eyre::Result<(&'static str, ArrayParams)> {
    Ok(match command {
        AdminCommand::Status => ("weir_adminStatus", rpc_params![]),
        AdminCommand::Halt { scope, reason } => ("weir_adminHalt", rpc_params![scope, reason]),
        AdminCommand::Resume { scope } => ("weir_adminResume", rpc_params![scope]),
        AdminCommand::DropTransaction { hash } => ("weir_adminDropTransaction", rpc_params![hash]),
        AdminCommand::DropSender { sender } => ("weir_adminDropSender", rpc_params![sender]),
        AdminCommand::LogFilter { filter } => ("weir_adminSetLogFilter", rpc_params![filter]),
        AdminCommand::Limits { set: None } => ("weir_adminLimits", rpc_params![]),
        AdminCommand::Limits { set: Some(path) } => {
            let text = std::fs::read_to_string(&path);
            let failed = || format!("limits cannot be read: path={}", path.display());
            ("weir_adminSetLimits", rpc_params![text.wrap_err_with(failed)?])
        }
        AdminCommand::RotateKey { role, key, password, overlap } => {
            let overlap = overlap.map(|overlap| overlap.as_millis().try_into().unwrap_or(u64::MAX));
            let options = json!({ "key": key, "password": password, "overlapMs": overlap });
            ("weir_adminRotateKey", rpc_params![role, options])
        }
        AdminCommand::CompactJournal => ("weir_adminCompactJournal", rpc_params![]),
        AdminCommand::Drain => ("weir_adminDrain", rpc_params![]),
    })
}

async fn call(url: &str, token: &str, method: &str, params: ArrayParams) -> eyre::Result<Value> {
    let mut headers = HeaderMap::new();
    let token = HeaderValue::from_str(&format!("Bearer {token}"));
    headers.insert("authorization", token.wrap_err("token is no header")?);
    let client: HttpClient = HttpClientBuilder::default().set_headers(headers).build(url)?;
    let answer = client.request(method, params).await;
    answer.wrap_err_with(|| format!("node does not do it: url={url} method={method}"))
}

/// Asks the readiness probe; exit 1 unless the node is ready.
pub(crate) fn health(args: &HealthArgs) -> eyre::Result<ExitCode> {
    let authority = args.url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    let authority = authority.ok_or_else(|| eyre!("url is not http://HOST:PORT: {}", args.url))?;
    let answer = block_on(probe(authority));
    let answer = answer.wrap_err_with(|| format!("node does not answer: url={}", args.url))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    println!("{}", body.trim_end());
    let is_ready = head.split(' ').nth(1) == Some("200");
    Ok(ExitCode::from(u8::from(!is_ready)))
}

async fn probe(authority: &str) -> eyre::Result<String> {
    let mut stream = TcpStream::connect(authority).await?;
    let request =
        format!("GET /health/ready HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(PROBE_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
