//! What to write where: the lines for each proxy and for the application, in one table. `{origin}` stands for the
//! page's origin.

use serde::Serialize;

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    Nginx,
    Apache,
    Caddy,
    Haproxy,
    Application,
}

impl Place {
    pub(super) const ALL: [Self; 5] =
        [Self::Nginx, Self::Apache, Self::Caddy, Self::Haproxy, Self::Application];

    /// As people write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "Apache",
            Self::Caddy => "Caddy",
            Self::Haproxy => "HAProxy",
            Self::Application => "application",
        }
    }
}

/// What mends a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    Reach,
    ReachSocket,
    TimeToFirstByte,
    Status,
    ContentType,
    Charset,
    Redirect,
    Multiplex,
    Encrypt,
    NoCache,
    NoCompression,
    NoBuffering,
    Heartbeat,
    LongTimeout,
    KeepOpen,
    Framing,
    ByteOrderMark,
    Utf8,
    ShortLines,
    Ids,
    UniqueIds,
    Resume,
    Retry,
    AllowOrigin,
    AllowCredentials,
    AllowLastEventId,
    Vary,
    Renew,
    RightName,
    Trusted,
}

type Lines = &'static [&'static str];

impl Remedy {
    /// The lines for one place. Empty where nothing is to be done.
    pub(super) fn lines(self, place: Place) -> Lines {
        let [nginx, apache, caddy, haproxy, application] = self.table();
        match place {
            Place::Nginx => nginx,
            Place::Apache => apache,
            Place::Caddy => caddy,
            Place::Haproxy => haproxy,
            Place::Application => application,
        }
    }

    /// In the order of [`Place::ALL`].
    fn table(self) -> [Lines; 5] {
        match self {
            Self::NoBuffering => NO_BUFFERING,
            Self::TimeToFirstByte => FIRST_BYTE,
            Self::NoCompression => NO_COMPRESSION,
            Self::LongTimeout => LONG_TIMEOUT,
            Self::Multiplex => MULTIPLEX,
            Self::Encrypt => ENCRYPT,
            Self::NoCache => NO_CACHE,
            Self::ContentType => CONTENT_TYPE,
            Self::AllowOrigin => ALLOW_ORIGIN,
            Self::AllowCredentials => ALLOW_CREDENTIALS,
            Self::AllowLastEventId => ALLOW_LAST_EVENT_ID,
            Self::Vary => VARY,
            Self::Renew => RENEW,
            Self::RightName => RIGHT_NAME,
            Self::Trusted => TRUSTED,
            other => [&[], &[], &[], &[], other.in_the_application()],
        }
    }

    fn in_the_application(self) -> Lines {
        match self {
            Self::Reach => &["is it running, and is the address right? curl -v URL tells more"],
            Self::ReachSocket => &[
                "is it running, is the path right, and may this user write to it?",
                "curl -v --unix-socket PATH URL tells more",
            ],
            Self::Status => &["answer 200; 204 only to end the stream for good"],
            Self::Charset => &["Content-Type: text/event-stream"],
            Self::Redirect => &["give pages the final URL"],
            Self::Heartbeat => &["each 15 s without an event, send a comment:  :\\n\\n"],
            Self::KeepOpen => &["keep the answer open; to end it for good, answer 204 to the next request"],
            Self::Framing => &["write each event as  data: TEXT\\n\\n  with the empty line at its end"],
            Self::ByteOrderMark => &["write UTF-8 without a byte order mark (\"utf-8\", not \"utf-8-sig\")"],
            Self::Utf8 => &["encode what you write as UTF-8; send other bytes as base64"],
            Self::ShortLines => &["split the data into several  data:  lines, or send a link to it"],
            Self::Ids => &["give each event an id from which you can go on:  id: 42"],
            Self::UniqueIds => &["count the id up with each event, over restarts too"],
            Self::Resume => &["read the Last-Event-ID header, send every event after that id first"],
            Self::Retry => &["once, at the start of the stream:  retry: 2000"],
            _ => &[],
        }
    }
}

const NO_BUFFERING: [Lines; 5] = [
    &["proxy_buffering off;", "# in every nginx on the way: the first one drops X-Accel-Buffering"],
    &["ProxyPass /events http://127.0.0.1:3000/events flushpackets=on"],
    &["reverse_proxy 127.0.0.1:3000 {", "    flush_interval -1", "}"],
    &["no option http-buffer-request", "# and no http-response wait-for-body"],
    &["X-Accel-Buffering: no", "# and flush after each event"],
];

const FIRST_BYTE: [Lines; 5] = [
    &["proxy_buffering off;"],
    &["ProxyPass /events http://127.0.0.1:3000/events flushpackets=on"],
    &["reverse_proxy 127.0.0.1:3000 {", "    flush_interval -1", "}"],
    &["# and no http-response wait-for-body"],
    &["send the head and a comment at once:  :\\n\\n  and flush", "X-Accel-Buffering: no"],
];

const NO_COMPRESSION: [Lines; 5] = [
    &["gzip off;", "# or leave text/event-stream out of gzip_types"],
    &["SetEnv no-gzip 1"],
    &["encode {", "    match not header Content-Type text/event-stream*", "}"],
    &["# leave text/event-stream out of: compression type"],
    &["leave text/event-stream out of the compression", "Cache-Control: no-cache, no-transform"],
];

const LONG_TIMEOUT: [Lines; 5] = [
    &["proxy_read_timeout 1h;"],
    &["ProxyTimeout 3600"],
    &["reverse_proxy 127.0.0.1:3000 {", "    transport http {", "        read_timeout 1h", "    }", "}"],
    &["timeout server 1h", "timeout tunnel 1h"],
    &["send a comment more often than that:  :\\n\\n"],
];

const MULTIPLEX: [Lines; 5] = [
    &["http2 on;", "# before 1.25.1: listen 443 ssl http2;"],
    &["Protocols h2 http/1.1"],
    &["servers {", "    protocols h1 h2 h3", "}"],
    &["bind :443 ssl crt /etc/haproxy/site.pem alpn h2,http/1.1"],
    &["until then, one stream for all tabs: a SharedWorker or a BroadcastChannel"],
];

const ENCRYPT: [Lines; 5] = [
    &["listen 443 ssl;", "http2 on;"],
    &["SSLEngine on", "Protocols h2 http/1.1"],
    &["example.com {", "    reverse_proxy 127.0.0.1:3000", "}"],
    &["bind :443 ssl crt /etc/haproxy/site.pem alpn h2,http/1.1"],
    &["serve it over https with HTTP/2, by itself or behind a proxy"],
];

const NO_CACHE: [Lines; 5] = [
    &[
        "proxy_cache off;",
        "proxy_hide_header Cache-Control;",
        "add_header Cache-Control \"no-cache, no-transform\";",
    ],
    &["Header set Cache-Control \"no-cache, no-transform\""],
    &["header Cache-Control \"no-cache, no-transform\""],
    &["http-response set-header Cache-Control \"no-cache, no-transform\""],
    &["Cache-Control: no-cache, no-transform"],
];

const CONTENT_TYPE: [Lines; 5] = [
    &["# is it the right location, and no error page?"],
    &["# is it the right ProxyPass, and no ErrorDocument?"],
    &["# is it the right handle, and no handle_errors?"],
    &["# is it the right backend?"],
    &["Content-Type: text/event-stream"],
];

const ALLOW_ORIGIN: [Lines; 5] = [
    &["add_header Access-Control-Allow-Origin {origin} always;", "add_header Vary Origin always;"],
    &["Header always set Access-Control-Allow-Origin \"{origin}\"", "Header always append Vary Origin"],
    &["header Access-Control-Allow-Origin \"{origin}\"", "header +Vary Origin"],
    &[
        "http-response set-header Access-Control-Allow-Origin \"{origin}\"",
        "http-response add-header Vary Origin",
    ],
    &["Access-Control-Allow-Origin: {origin}", "Vary: Origin"],
];

const ALLOW_CREDENTIALS: [Lines; 5] = [
    &[
        "add_header Access-Control-Allow-Origin {origin} always;",
        "add_header Access-Control-Allow-Credentials true always;",
    ],
    &[
        "Header always set Access-Control-Allow-Origin \"{origin}\"",
        "Header always set Access-Control-Allow-Credentials true",
    ],
    &["header Access-Control-Allow-Origin \"{origin}\"", "header Access-Control-Allow-Credentials true"],
    &[
        "http-response set-header Access-Control-Allow-Origin \"{origin}\"",
        "http-response set-header Access-Control-Allow-Credentials true",
    ],
    &["Access-Control-Allow-Origin: {origin}", "Access-Control-Allow-Credentials: true"],
];

const ALLOW_LAST_EVENT_ID: [Lines; 5] = [
    &[
        "if ($request_method = OPTIONS) {",
        "    add_header Access-Control-Allow-Origin \"{origin}\";",
        "    add_header Access-Control-Allow-Headers Last-Event-ID;",
        "    return 204;",
        "}",
    ],
    &["Header always set Access-Control-Allow-Headers Last-Event-ID"],
    &["header Access-Control-Allow-Headers Last-Event-ID"],
    &["http-response set-header Access-Control-Allow-Headers Last-Event-ID"],
    &[
        "answer OPTIONS with 204 and:",
        "Access-Control-Allow-Origin: {origin}",
        "Access-Control-Allow-Headers: Last-Event-ID",
    ],
];

const VARY: [Lines; 5] = [
    &["add_header Vary Origin always;"],
    &["Header always append Vary Origin"],
    &["header +Vary Origin"],
    &["http-response add-header Vary Origin"],
    &["Vary: Origin"],
];

const RENEW: [Lines; 5] = [
    &["# renew it, then: nginx -s reload"],
    &["# renew it, then: apachectl graceful"],
    &["# Caddy renews by itself: see its log for the reason"],
    &["# renew the file of crt, then reload"],
    &["renew the certificate, and let a timer do so (certbot renew)"],
];

const RIGHT_NAME: [Lines; 5] = [
    &["server_name HOST;  # in the server that has the certificate for HOST"],
    &["ServerName HOST  # in the VirtualHost with the certificate for HOST"],
    &["HOST {  # as the site's address"],
    &["# add the certificate for HOST to: bind … crt"],
    &["get a certificate whose names include this host"],
];

const TRUSTED: [Lines; 5] = [
    &["ssl_certificate /etc/ssl/fullchain.pem;  # with the intermediate certificates"],
    &["SSLCertificateFile /etc/ssl/fullchain.pem"],
    &["# leave out: tls internal"],
    &["# the file of crt has: certificate, intermediates, key"],
    &["use a certificate of a public authority; for your own authority: --cacert FILE"],
];

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: [Remedy; 30] = [
        Remedy::Reach,
        Remedy::ReachSocket,
        Remedy::TimeToFirstByte,
        Remedy::Status,
        Remedy::ContentType,
        Remedy::Charset,
        Remedy::Redirect,
        Remedy::Multiplex,
        Remedy::Encrypt,
        Remedy::NoCache,
        Remedy::NoCompression,
        Remedy::NoBuffering,
        Remedy::Heartbeat,
        Remedy::LongTimeout,
        Remedy::KeepOpen,
        Remedy::Framing,
        Remedy::ByteOrderMark,
        Remedy::Utf8,
        Remedy::ShortLines,
        Remedy::Ids,
        Remedy::UniqueIds,
        Remedy::Resume,
        Remedy::Retry,
        Remedy::AllowOrigin,
        Remedy::AllowCredentials,
        Remedy::AllowLastEventId,
        Remedy::Vary,
        Remedy::Renew,
        Remedy::RightName,
        Remedy::Trusted,
    ];

    #[test]
    fn every_remedy_tells_the_application_and_fits_a_terminal() {
        for remedy in EVERY {
            assert!(!remedy.lines(Place::Application).is_empty(), "{remedy:?}");
            for line in Place::ALL.into_iter().flat_map(|place| remedy.lines(place)) {
                assert!(line.len() <= 90, "{line}");
            }
        }
    }
}
