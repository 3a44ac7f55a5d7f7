//! Who may talk to the server from where: host names and browser origins.

use crate::config::{Hosts, Origins};
use http::{HeaderMap, HeaderValue, header, uri::Authority};
use std::net::IpAddr;

/// What the request's `Origin` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OriginVerdict {
    /// No page sent it.
    Absent,
    /// A page that may read the answer; the value to allow.
    Allowed(HeaderValue),
    /// A page that may not.
    Denied,
}

/// Whether the `Host` header names us; literal addresses cannot be rebound and always do.
pub(super) fn is_host_allowed(hosts: &Hosts, headers: &HeaderMap) -> bool {
    let Hosts::List(names) = hosts else { return true };
    let Some(host) = headers.get(header::HOST) else {
        // HTTP/1.0 programs send none; browsers always do.
        return true;
    };
    let Some(authority) = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()) else {
        return false;
    };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.parse::<IpAddr>().is_ok() || names.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
}

/// Judges the `Origin` header.
pub(super) fn judge_origin(origins: &Origins, headers: &HeaderMap) -> OriginVerdict {
    let Some(origin) = headers.get(header::ORIGIN) else { return OriginVerdict::Absent };
    match origins {
        Origins::None => OriginVerdict::Denied,
        Origins::Any => OriginVerdict::Allowed(HeaderValue::from_static("*")),
        Origins::List(list) => {
            let is_listed = |text: &str| list.iter().any(|one| one.eq_ignore_ascii_case(text));
            if origin.to_str().is_ok_and(is_listed) {
                OriginVerdict::Allowed(origin.clone())
            } else {
                OriginVerdict::Denied
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn hosts_are_matched_without_ports() {
        let hosts = Hosts::List(vec!["localhost".to_owned()]);
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST:8545", true),
            ("127.0.0.1:8545", true),
            ("[::1]:8545", true),
            ("evil.example", false),
            ("localhost.evil.example:8545", false),
            ("", false),
        ] {
            assert_eq!(is_host_allowed(&hosts, &headers(header::HOST, host)), expected, "{host}");
        }
        assert!(is_host_allowed(&Hosts::Any, &headers(header::HOST, "evil.example")));
    }

    #[test]
    fn origins_are_matched_whole() {
        let list = Origins::List(vec!["http://localhost:3000".to_owned()]);
        let judge =
            |origins: &Origins, value| judge_origin(origins, &headers(header::ORIGIN, value));
        assert_eq!(judge(&Origins::None, "http://a.example"), OriginVerdict::Denied);
        assert_eq!(judge(&list, "http://localhost:30001"), OriginVerdict::Denied);
        assert_eq!(judge(&list, "null"), OriginVerdict::Denied);
        assert!(matches!(judge(&list, "http://localhost:3000"), OriginVerdict::Allowed(_)));
        assert!(matches!(judge(&Origins::Any, "null"), OriginVerdict::Allowed(_)));
        assert_eq!(judge_origin(&list, &HeaderMap::new()), OriginVerdict::Absent);
    }
}
