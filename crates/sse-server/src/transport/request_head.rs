//! Finds the end of a request head where actix-http's parser finds it: at the first empty line after the request line,
//! whether lines end in CRLF or in LF.

/// How far a head has come.
#[derive(Debug, Default)]
pub(super) struct RequestHead {
    is_begun: bool,
    line_is_begun: bool,
}

impl RequestHead {
    /// A byte of it has come.
    pub(super) fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Number of these bytes that stand before the head: empty lines.
    pub(super) fn skip(&self, bytes: &[u8]) -> usize {
        if self.is_begun {
            return 0;
        }
        bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
    }

    /// Takes the bytes that come next, up to the end of the head. Gives their number, and whether it was found.
    pub(super) fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (before, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' if self.is_begun && !self.line_is_begun => return (before + 1, true),
                b'\n' => self.line_is_begun = false,
                b'\r' => {}
                _ => (self.is_begun, self.line_is_begun) = (true, true),
            }
        }
        (bytes.len(), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_http::ServiceConfig;
    use actix_http::h1::{Codec, Message};
    use bytes::BytesMut;
    use tokio_util::codec::Decoder as _;

    const PARTS: [&str; 6] = ["\r\n", "\n", "\r", "a: b", " ", "Host: a"];
    const MOST_PARTS: u32 = 6;

    /// The number of bytes after which actix-http has a head.
    fn of_actix(config: &ServiceConfig, text: &str) -> Option<Result<usize, ()>> {
        let mut bytes = BytesMut::from(text);
        match Codec::new(config.clone()).decode(&mut bytes) {
            Ok(Some(Message::Item(_))) => Some(Ok(text.len() - bytes.len())),
            Ok(None) => None,
            _ => Some(Err(())),
        }
    }

    #[actix_web::test]
    async fn it_ends_where_the_locked_actix_http_finds_its_end() {
        let (config, mut heads) = (ServiceConfig::default(), 0);
        for number in 0..6_usize.pow(MOST_PARTS) {
            let mut text = "GET / HTTP/1.1".to_owned();
            (0..MOST_PARTS).for_each(|nth| text += PARTS[number / 6_usize.pow(nth) % 6]);
            let (taken, is_complete) = RequestHead::default().take(text.as_bytes());
            match of_actix(&config, &text) {
                Some(Ok(length)) => {
                    assert_eq!((taken, is_complete), (length, true), "{text:?}");
                    heads += 1;
                }
                // It is refused, and the connection closed.
                Some(Err(())) => {}
                None => assert!(!is_complete, "{text:?}"),
            }
            if is_complete {
                assert!(of_actix(&config, &text[..taken]).is_some(), "it waits for more of {text:?}");
            }
        }
        assert!(heads > 500, "{heads}");
    }

    #[test]
    fn empty_lines_before_it_are_none_of_it_however_they_come() {
        let head = RequestHead::default();
        assert_eq!(head.skip(b"\r\n\nGET"), 3);
        let mut head = RequestHead::default();
        assert_eq!(head.take(b"GET / HTTP/1.1\r\n"), (16, false));
        assert_eq!(head.skip(b"\r\n"), 0);
        assert_eq!(head.take(b"\r\nnext"), (2, true));
    }
}
