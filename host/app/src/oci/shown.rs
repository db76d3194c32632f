//! Text of a registry in messages.

/// A registry's text, shortened for a message.
pub fn shown(text: &str) -> String {
    const MOST: usize = 200;
    let mut short: String =
        text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}
