//! How many segments a text takes: GSM-7 160 alone and 153 joined, UCS-2 70 alone and 67 joined (3GPP TS 23.038, 23.040).

/// The default alphabet without the escape.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Reached through the escape: two septets each.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// The number of segments of `text`, at least 1.
pub(super) fn segments(text: &str) -> usize {
    let septets = text.chars().try_fold(0_usize, |sum, letter| {
        if BASIC.contains(letter) { Some(sum + 1) } else { EXTENSION.contains(letter).then_some(sum + 2) }
    });
    let (units, alone, joined) = match septets {
        Some(septets) => (septets, 160, 153),
        None => (text.encode_utf16().count(), 70, 67),
    };
    if units <= alone { 1 } else { units.div_ceil(joined) }
}
