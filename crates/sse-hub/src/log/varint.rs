//! Numbers in as many bytes as they need: seven bits a byte, the lowest first, the high bit set in all but the last.

pub(super) fn put(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

pub(super) fn put_signed(into: &mut Vec<u8>, number: i64) {
    put(into, (number << 1 ^ number >> 63).cast_unsigned());
}

/// Takes a number from the front; `None` if there is none.
pub(super) fn take(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = from.split_first()?;
        *from = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

pub(super) fn take_signed(from: &mut &[u8]) -> Option<i64> {
    let number = take(from)?;
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_can_be_taken() {
        let numbers = [0, 1, 127, 128, 300, u64::MAX - 1, u64::MAX];
        let mut bytes = Vec::new();
        numbers.iter().for_each(|number| put(&mut bytes, *number));
        numbers.iter().for_each(|number| put_signed(&mut bytes, number.cast_signed()));
        let mut rest = &bytes[..];
        numbers.iter().for_each(|number| assert_eq!(take(&mut rest), Some(*number)));
        numbers.iter().for_each(|number| assert_eq!(take_signed(&mut rest), Some(number.cast_signed())));
        assert_eq!((take(&mut rest), take(&mut &[0xff; 11][..])), (None, None));
    }
}
