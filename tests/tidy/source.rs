//! Reads the tree for the rules: a file with and without its comments, strings and tests.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// A Rust file in three readings. Characters keep their places, so that all three share line numbers.
pub struct Source {
    /// From the top of the tree: `src/store/open.rs`.
    pub path: String,
    pub raw: String,
    /// Without comments and tests, strings emptied.
    pub code: Vec<char>,
    /// Without comments and tests.
    pub words: Vec<char>,
}

/// Something a rule found, ready to be printed.
pub type Flaw = String;

impl Source {
    pub fn new(path: &str, raw: &str) -> Source {
        let (mut code, mut words) = (blanked(raw, true), blanked(raw, false));
        for (from, to) in test_items(&code) {
            blank(&mut code[from..to]);
            blank(&mut words[from..to]);
        }
        Source { path: path.into(), raw: raw.into(), code, words }
    }

    /// `store` for `src/store/open.rs` and `src/store.rs`; the crate's own root files are their names.
    pub fn room(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    pub fn is_in(&self, rooms: &[&str]) -> bool {
        self.path.starts_with("src/") && rooms.contains(&self.room())
    }

    pub fn flaw(&self, at: usize, advice: impl AsRef<str>) -> Flaw {
        let line = self.code[..at.min(self.code.len())].iter().filter(|letter| **letter == '\n').count() + 1;
        format!("{}:{line}: {}", self.path, advice.as_ref())
    }

    /// Each place where the code says `needle`, whatever the spaces between its parts: whole words only.
    pub fn seek(&self, needle: &str) -> Vec<usize> {
        (0..self.code.len()).filter(|&at| says(&self.code, at, needle).is_some()).collect()
    }

    /// A flaw for each place where the code says one of these.
    pub fn ban(&self, needles: &[&str], advice: &str) -> Vec<Flaw> {
        let places = needles.iter().flat_map(|needle| self.seek(needle).into_iter().map(move |at| (at, needle)));
        places.map(|(at, needle)| self.flaw(at, format!("`{needle}`: {advice}"))).collect()
    }

    /// The names that follow each `prefix` in the code, with their places: for `crate::` the rooms that are named.
    pub fn names_after(&self, prefix: &str) -> Vec<(usize, String)> {
        let named = |at: usize| {
            let end = says(&self.code, at, prefix)?;
            let rest = self.code[end..].iter().skip_while(|letter| letter.is_whitespace());
            Some((at, rest.take_while(|letter| is_word(**letter) || **letter == '{').collect()))
        };
        (0..self.code.len()).filter_map(named).collect()
    }

    /// Files that this one declares for tests only, as paths without ending.
    fn test_modules(&self) -> Vec<String> {
        let plain = blanked(&self.raw, true);
        let home = match self.path.strip_suffix("mod.rs").or(self.path.strip_suffix("lib.rs")) {
            Some(folder) => folder.to_owned(),
            None => format!("{}/", self.path.trim_end_matches(".rs")),
        };
        let declared = test_items(&plain).into_iter().filter_map(|(from, to)| {
            let item: String = plain[from..to].iter().collect();
            let name = item.trim_end().strip_suffix(';')?.rsplit_once("mod ")?.1.trim().to_owned();
            Some(format!("{home}{name}"))
        });
        declared.collect()
    }
}

/// Every Rust file of `src` or `tests`, read once; those of `src` that are only tests left out.
pub fn rust_files(folder: &str) -> &'static [Source] {
    static SRC: LazyLock<Vec<Source>> = LazyLock::new(|| walk("src"));
    static TESTS: LazyLock<Vec<Source>> = LazyLock::new(|| walk("tests"));
    match folder {
        "src" => &SRC,
        "tests" => &TESTS,
        other => panic!("{other} is not looked at"),
    }
}

fn walk(folder: &str) -> Vec<Source> {
    let files = files(folder).into_iter().filter(|path| path.ends_with(".rs"));
    let sources: Vec<Source> = files.map(|path| Source::new(&path, &read(&path))).collect();
    assert!(!sources.is_empty(), "there is nothing in {folder}");
    let tests: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    let is_test = |path: &str| {
        tests.iter().any(|test| path.strip_prefix(test.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/')))
    };
    sources.into_iter().filter(|source| !is_test(&source.path)).collect()
}

/// Every file below a folder of the tree, sorted. Dot-folders are looked into, but for git's own.
pub fn files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (name, is_folder) in entries(folder) {
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        match is_folder {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

/// What lies in a folder and is kept: name, and whether it is a folder.
pub fn entries(folder: &str) -> Vec<(String, bool)> {
    let ignored: Vec<String> = read(".gitignore").lines().map(|line| line.trim_matches('/').to_owned()).collect();
    let mut found: Vec<(String, bool)> = fs::read_dir(root().join(folder))
        .unwrap_or_else(|error| panic!("{folder}: {error}"))
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.file_type().unwrap().is_dir()))
        .filter(|(name, _)| name != ".git" && name != "__pycache__" && (!folder.is_empty() || !ignored.contains(name)))
        .collect();
    found.sort();
    found
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &str) -> String {
    let bytes = fs::read(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Where `needle` ends, if it begins at this place.
fn says(code: &[char], at: usize, needle: &str) -> Option<usize> {
    let (first, last) = (needle.chars().next()?, needle.chars().last()?);
    if code[at] != first || is_word(first) && at > 0 && is_word(code[at - 1]) {
        return None;
    }
    let mut place = at;
    for letter in needle.chars().filter(|letter| !letter.is_whitespace()) {
        while code.get(place).is_some_and(|letter| letter.is_whitespace()) {
            place += 1;
        }
        if code.get(place) != Some(&letter) {
            return None;
        }
        place += 1;
    }
    let goes_on = is_word(last) && code.get(place).is_some_and(|letter| is_word(*letter));
    (!goes_on).then_some(place)
}

fn blank(letters: &mut [char]) {
    letters.iter_mut().filter(|letter| **letter != '\n').for_each(|letter| *letter = ' ');
}

/// The text with comments as blanks; strings and characters too, if asked.
fn blanked(text: &str, strings: bool) -> Vec<char> {
    let mut out: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < out.len() {
        let (next, is_comment) = match out[at] {
            '/' if out.get(at + 1) == Some(&'/') => (line_end(&out, at), true),
            '/' if out.get(at + 1) == Some(&'*') => (comment_end(&out, at), true),
            '"' => (string_end(&out, at + 1), false),
            'r' | 'b' | 'c' if at == 0 || !is_word(out[at - 1]) => match raw_string_end(&out, at) {
                Some(end) => (end, false),
                None => {
                    at += 1;
                    continue;
                }
            },
            '\'' if out.get(at + 1) == Some(&'\\') => (closing(&out, at + 3, '\''), false),
            '\'' if out.get(at + 2) == Some(&'\'') => (at + 3, false),
            _ => {
                at += 1;
                continue;
            }
        };
        let next = next.min(out.len());
        if is_comment {
            blank(&mut out[at..next]);
        } else if strings && next > at + 2 {
            blank(&mut out[at + 1..next - 1]);
        }
        at = next;
    }
    out
}

fn line_end(text: &[char], at: usize) -> usize {
    closing(text, at, '\n').saturating_sub(1)
}

/// The place after the next `mark`.
fn closing(text: &[char], at: usize, mark: char) -> usize {
    text.iter().skip(at).position(|letter| *letter == mark).map_or(text.len() + 1, |found| at + found + 1)
}

fn comment_end(text: &[char], at: usize) -> usize {
    let (mut depth, mut place) = (0, at);
    while place < text.len() {
        match (text[place], text.get(place + 1)) {
            ('/', Some('*')) => (depth, place) = (depth + 1, place + 2),
            ('*', Some('/')) if depth == 1 => return place + 2,
            ('*', Some('/')) => (depth, place) = (depth - 1, place + 2),
            _ => place += 1,
        }
    }
    text.len()
}

fn string_end(text: &[char], at: usize) -> usize {
    let mut place = at;
    while place < text.len() {
        match text[place] {
            '\\' => place += 2,
            '"' => return place + 1,
            _ => place += 1,
        }
    }
    text.len()
}

/// For `r"…"`, `br#"…"#` and their like.
fn raw_string_end(text: &[char], at: usize) -> Option<usize> {
    let prefix = text[at..].iter().take_while(|letter| "rbc".contains(**letter)).count();
    let hashes = text[at + prefix..].iter().take_while(|letter| **letter == '#').count();
    let open = at + prefix + hashes;
    if prefix > 2 || text.get(open) != Some(&'"') || !text[at..at + prefix].contains(&'r') {
        return None;
    }
    let closes =
        |end: usize| text[end] == '"' && text[end + 1..].iter().take(hashes).filter(|letter| **letter == '#').count() == hashes;
    Some((open + 1..text.len()).find(|end| closes(*end)).map_or(text.len(), |end| end + 1 + hashes))
}

/// From each `#[cfg(test)]` to the end of what it stands over. Comments and strings are blank already.
fn test_items(code: &[char]) -> Vec<(usize, usize)> {
    let mut items: Vec<(usize, usize)> = Vec::new();
    for at in 0..code.len() {
        let inside = items.last().is_some_and(|(_, end)| at < *end);
        let Some(after) = (!inside).then(|| says(code, at, "#[cfg(test)]")).flatten() else { continue };
        let (mut depth, mut end) = (0, after);
        while end < code.len() {
            match code[end] {
                '{' => depth += 1,
                '}' if depth == 1 => break,
                '}' => depth -= 1,
                ';' if depth == 0 => break,
                _ => {}
            }
            end += 1;
        }
        items.push((at, (end + 1).min(code.len())));
    }
    items
}

#[test]
fn the_reader_knows_code_from_comments_strings_and_tests() {
    let text = "use a; // no\n/* no /* no */ no */ let c = '\"'; let s = \"no\\\"no\"; let r = br#\"no\"no\"#; fn f<'a>() {}\n\
                #[cfg(test)]\nmod tests { fn g() { \"}\" } }\nfn last() {}";
    let source = Source::new("src/store/x.rs", text);
    let code: String = source.code.iter().collect();
    assert!(!code.contains("no") && !code.contains("fn g"), "{code}");
    assert!(code.contains("use a;") && code.contains("fn f<'a>() {}") && code.contains("fn last() {}"), "{code}");
    let words: String = source.words.iter().collect();
    assert!(words.contains("br#\"no\"no\"#") && !words.contains("// no"), "{words}");
    assert_eq!(source.room(), "store");
    let spread = Source::new("src/web/x.rs", "app.store\n    .write(|tx| tx); restore.write(x); store.writes(x);");
    assert_eq!(spread.seek("store.write(").len(), 1);
    assert!(spread.flaw(spread.seek("store.write(")[0], "so").starts_with("src/web/x.rs:1: so"));
}

#[test]
fn files_that_are_only_tests_are_no_part_of_the_house() {
    let parent = |path: &str| {
        Source::new(path, "#[cfg(test)]\nmod bench;\npub mod shop;\n#[cfg(test)]\nmod tests { fn a() {} }").test_modules()
    };
    assert_eq!(parent("src/card/mod.rs"), ["src/card/bench"]);
    assert_eq!(parent("src/card.rs"), ["src/card/bench"]);
}
