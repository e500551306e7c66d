//! How to fix a finding: for each fix the lines to write, by component. `{origin}` stands for the origin of the page.

use serde::Serialize;

/// What the lines are written into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Component {
    Nginx,
    Apache,
    Caddy,
    Haproxy,
    Application,
}

impl Component {
    pub(super) const ALL: [Self; 5] =
        [Self::Nginx, Self::Apache, Self::Caddy, Self::Haproxy, Self::Application];

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

/// The lines of one fix, by component.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fix(&'static [(Component, &'static [&'static str])]);

impl Fix {
    /// The lines for one component. Empty if it needs none.
    pub(super) fn lines(self, component: Component) -> &'static [&'static str] {
        self.0.iter().find(|(one, _)| *one == component).map_or(&[], |(_, lines)| lines)
    }
}

/// Makes a constant of each row, and the list of all.
macro_rules! fixes {
    ($($name:ident { $($component:ident: $($line:literal),+;)+ })+) => {
        $(pub(super) const $name: Fix = Fix(&[$((Component::$component, &[$($line),+])),+]);)+
        #[cfg(test)]
        const ALL: &[Fix] = &[$($name),+];
    };
}

fixes! {
    REACH { Application: "is it running, and is the address right? curl -v URL shows more"; }
    REACH_SOCKET {
        Application:
            "is it running, is the path right, and may this user write to the socket?",
            "curl -v --unix-socket PATH URL shows more";
    }
    STATUS { Application: "answer 200; 204 only to end the stream for good"; }
    CONTENT_TYPE {
        Nginx: "# is it the right location, and not an error page?";
        Apache: "# is it the right ProxyPass, and not an ErrorDocument?";
        Caddy: "# is it the right handle, and not handle_errors?";
        Haproxy: "# is it the right backend?";
        Application: "Content-Type: text/event-stream";
    }
    CHARSET { Application: "Content-Type: text/event-stream"; }
    REDIRECT { Application: "use the final URL in pages"; }
    MULTIPLEX {
        Nginx: "http2 on;", "# before 1.25.1: listen 443 ssl http2;";
        Apache: "Protocols h2 http/1.1";
        Caddy: "servers {", "    protocols h1 h2 h3", "}";
        Haproxy: "bind :443 ssl crt /etc/haproxy/site.pem alpn h2,http/1.1";
        Application: "until then, share one stream between all tabs: SharedWorker or BroadcastChannel";
    }
    ENCRYPT {
        Nginx: "listen 443 ssl;", "http2 on;";
        Apache: "SSLEngine on", "Protocols h2 http/1.1";
        Caddy: "example.com {", "    reverse_proxy 127.0.0.1:3000", "}";
        Haproxy: "bind :443 ssl crt /etc/haproxy/site.pem alpn h2,http/1.1";
        Application: "serve it over https with HTTP/2, directly or behind a proxy";
    }
    NO_CACHE {
        Nginx:
            "proxy_cache off;",
            "proxy_hide_header Cache-Control;",
            "add_header Cache-Control \"no-cache, no-transform\";";
        Apache: "Header set Cache-Control \"no-cache, no-transform\"";
        Caddy: "header Cache-Control \"no-cache, no-transform\"";
        Haproxy: "http-response set-header Cache-Control \"no-cache, no-transform\"";
        Application: "Cache-Control: no-cache, no-transform";
    }
    NO_COMPRESSION {
        Nginx: "gzip off;", "# or remove text/event-stream from gzip_types";
        Apache: "SetEnv no-gzip 1";
        Caddy: "encode {", "    match not header Content-Type text/event-stream*", "}";
        Haproxy: "# remove text/event-stream from: compression type";
        Application: "exclude text/event-stream from compression", "Cache-Control: no-cache, no-transform";
    }
    FIRST_BYTE {
        Nginx: "proxy_buffering off;";
        Apache: "ProxyPass /events http://127.0.0.1:3000/events flushpackets=on";
        Caddy: "reverse_proxy 127.0.0.1:3000 {", "    flush_interval -1", "}";
        Haproxy: "# and no http-response wait-for-body";
        Application: "send the head and a comment immediately:  :\\n\\n  and flush", "X-Accel-Buffering: no";
    }
    NO_BUFFERING {
        Nginx:
            "proxy_buffering off;",
            "# in every nginx on the path: the first one removes X-Accel-Buffering";
        Apache: "ProxyPass /events http://127.0.0.1:3000/events flushpackets=on";
        Caddy: "reverse_proxy 127.0.0.1:3000 {", "    flush_interval -1", "}";
        Haproxy: "no option http-buffer-request", "# and no http-response wait-for-body";
        Application: "X-Accel-Buffering: no", "# and flush after each event";
    }
    HEARTBEAT { Application: "after each 15 s without an event, send a comment:  :\\n\\n"; }
    LONG_TIMEOUT {
        Nginx: "proxy_read_timeout 1h;";
        Apache: "ProxyTimeout 3600";
        Caddy:
            "reverse_proxy 127.0.0.1:3000 {",
            "    transport http {",
            "        read_timeout 1h",
            "    }",
            "}";
        Haproxy: "timeout server 1h", "timeout tunnel 1h";
        Application: "send a comment more often than that:  :\\n\\n";
    }
    KEEP_OPEN {
        Application: "keep the response open; to end the stream for good, answer 204 to the next request";
    }
    FRAMING { Application: "write each event as  data: TEXT\\n\\n  with the empty line at its end"; }
    BYTE_ORDER_MARK { Application: "write UTF-8 without a byte order mark (\"utf-8\", not \"utf-8-sig\")"; }
    UTF8 { Application: "write UTF-8; send binary data as base64"; }
    SHORT_LINES { Application: "split the data into several  data:  lines, or send a link to it"; }
    IDS { Application: "give each event an id to resume from:  id: 42"; }
    UNIQUE_IDS { Application: "increase the id with each event, also across restarts"; }
    RESUME { Application: "read the header Last-Event-ID, and first send every event after that id"; }
    RETRY { Application: "once, at the start of the stream:  retry: 2000"; }
    ALLOW_ORIGIN {
        Nginx: "add_header Access-Control-Allow-Origin {origin} always;", "add_header Vary Origin always;";
        Apache:
            "Header always set Access-Control-Allow-Origin \"{origin}\"",
            "Header always append Vary Origin";
        Caddy: "header Access-Control-Allow-Origin \"{origin}\"", "header +Vary Origin";
        Haproxy:
            "http-response set-header Access-Control-Allow-Origin \"{origin}\"",
            "http-response add-header Vary Origin";
        Application: "Access-Control-Allow-Origin: {origin}", "Vary: Origin";
    }
    ALLOW_CREDENTIALS {
        Nginx:
            "add_header Access-Control-Allow-Origin {origin} always;",
            "add_header Access-Control-Allow-Credentials true always;";
        Apache:
            "Header always set Access-Control-Allow-Origin \"{origin}\"",
            "Header always set Access-Control-Allow-Credentials true";
        Caddy:
            "header Access-Control-Allow-Origin \"{origin}\"",
            "header Access-Control-Allow-Credentials true";
        Haproxy:
            "http-response set-header Access-Control-Allow-Origin \"{origin}\"",
            "http-response set-header Access-Control-Allow-Credentials true";
        Application: "Access-Control-Allow-Origin: {origin}", "Access-Control-Allow-Credentials: true";
    }
    ALLOW_LAST_EVENT_ID {
        Nginx:
            "if ($request_method = OPTIONS) {",
            "    add_header Access-Control-Allow-Origin \"{origin}\";",
            "    add_header Access-Control-Allow-Headers Last-Event-ID;",
            "    return 204;",
            "}";
        Apache: "Header always set Access-Control-Allow-Headers Last-Event-ID";
        Caddy: "header Access-Control-Allow-Headers Last-Event-ID";
        Haproxy: "http-response set-header Access-Control-Allow-Headers Last-Event-ID";
        Application:
            "answer OPTIONS with 204 and:",
            "Access-Control-Allow-Origin: {origin}",
            "Access-Control-Allow-Headers: Last-Event-ID";
    }
    VARY {
        Nginx: "add_header Vary Origin always;";
        Apache: "Header always append Vary Origin";
        Caddy: "header +Vary Origin";
        Haproxy: "http-response add-header Vary Origin";
        Application: "Vary: Origin";
    }
    RENEW {
        Nginx: "# renew it, then: nginx -s reload";
        Apache: "# renew it, then: apachectl graceful";
        Caddy: "# Caddy renews automatically: its log has the reason";
        Haproxy: "# renew the crt file, then reload";
        Application: "renew the certificate, automatically from now on (certbot renew)";
    }
    RIGHT_NAME {
        Nginx: "server_name HOST;  # in the server that has the certificate for HOST";
        Apache: "ServerName HOST  # in the VirtualHost with the certificate for HOST";
        Caddy: "HOST {  # as the site's address";
        Haproxy: "# add the certificate for HOST to: bind … crt";
        Application: "get a certificate for this host";
    }
    TRUSTED {
        Nginx: "ssl_certificate /etc/ssl/fullchain.pem;  # with the intermediate certificates";
        Apache: "SSLCertificateFile /etc/ssl/fullchain.pem";
        Caddy: "# remove: tls internal";
        Haproxy: "# the crt file contains: certificate, intermediates, key";
        Application: "use a certificate of a public authority; for your own authority: --cacert FILE";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fix_is_for_the_application_too_and_fits_a_terminal() {
        for fix in ALL {
            assert!(!fix.lines(Component::Application).is_empty(), "{fix:?}");
            for line in Component::ALL.into_iter().flat_map(|component| fix.lines(component)) {
                assert!(line.len() <= 90, "{line}");
            }
        }
    }
}
