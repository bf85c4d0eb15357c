//! A line of a foreign log as plain text: nothing in it moves a cursor, colours a terminal or turns the reading direction.

use super::LINE_MAX;

/// One line, without escape sequences (ECMA-48) and control characters. Tabs become spaces; what is too long is cut off.
pub fn plain(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut letters = text.chars().peekable();
    let (mut plain, mut count) = (String::new(), 0);
    while let Some(letter) = letters.next() {
        let kept = match letter {
            '\u{1b}' => {
                skip_escape(&mut letters);
                continue;
            }
            '\u{9b}' => {
                skip_until_final(&mut letters);
                continue;
            }
            '\t' => ' ',
            letter if letter.is_control() || turns(letter) => continue,
            letter => letter,
        };
        if count == LINE_MAX {
            break;
        }
        plain.push(kept);
        count += 1;
    }
    plain.truncate(plain.trim_end().len());
    plain
}

/// Marks that turn or hide what stands around them.
fn turns(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

type Letters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_escape(letters: &mut Letters<'_>) {
    match letters.next() {
        Some('[') => skip_until_final(letters),
        // A string to the terminal: up to the bell, or to the escape that ends it.
        Some(']' | 'P' | '^' | '_' | 'X') => {
            while let Some(letter) = letters.next() {
                if letter == '\u{7}' || letter == '\u{9c}' {
                    return;
                }
                if letter == '\u{1b}' {
                    letters.next_if_eq(&'\\');
                    return;
                }
            }
        }
        // Intermediate bytes, then one final byte.
        Some(' '..='/') => while letters.next().is_some_and(|letter| (' '..='/').contains(&letter)) {},
        _ => {}
    }
}

/// Parameters and intermediate bytes, and the final byte behind them.
fn skip_until_final(letters: &mut Letters<'_>) {
    while let Some(letter) = letters.peek().copied() {
        match letter {
            ' '..='?' => {
                letters.next();
            }
            '@'..='~' => {
                letters.next();
                return;
            }
            // No sequence after all: what comes is text again.
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_is_left() {
        for (line, text) in [
            ("plain & <b>", "plain & <b>"),
            ("\u{1b}[1;31mred\u{1b}[0m text", "red text"),
            ("\u{1b}]0;a title\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}(Bascii", "ascii"),
            ("\u{9b}2Jclear", "clear"),
            ("a\tb\rc\u{8}d\u{0}", "a bcd"),
            ("turn\u{202e}ed", "turned"),
            ("\u{1b}", ""),
            ("\u{1b}[12", ""),
            ("\u{1b}]never ends", ""),
            ("trailing   ", "trailing"),
        ] {
            assert_eq!(plain(line.as_bytes()), text, "{line:?}");
        }
        assert_eq!(plain(b"\xff\xfe ok"), "\u{fffd}\u{fffd} ok");
        assert_eq!(plain("ä".repeat(LINE_MAX + 9).as_bytes()).chars().count(), LINE_MAX);
    }
}
