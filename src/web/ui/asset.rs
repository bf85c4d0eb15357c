//! The files the pages load, embedded, under names that change with their content.

use std::borrow::Cow;

use rust_embed::Embed;

#[derive(Embed)]
#[folder = "assets/"]
struct Files;

/// A name with its content's hash in it can never mean anything else.
pub const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// An asset as it goes over the wire.
pub struct Asset {
    pub bytes: Cow<'static, [u8]>,
    pub mime: String,
}

/// Where the browser finds the asset: `app.css` is at `/assets/app.3f2a91c07b5d.css`.
pub fn url(name: &str) -> String {
    format!("/assets/{}", hashed(name).unwrap_or_else(|| name.to_owned()))
}

/// The asset behind the last part of such an address. None if there is none, or if its content is another by now.
pub fn find(hashed_name: &str) -> Option<Asset> {
    let (rest, extension) = hashed_name.rsplit_once('.')?;
    let (stem, _) = rest.rsplit_once('.')?;
    let name = format!("{stem}.{extension}");
    if hashed(&name)? != hashed_name {
        return None;
    }
    let file = Files::get(&name)?;
    let mut mime = file.metadata.mimetype().to_owned();
    if mime.starts_with("text/") {
        mime.push_str("; charset=utf-8");
    }
    Some(Asset { bytes: file.data, mime })
}

/// The names of all assets, for whoever writes them to a folder.
pub fn names() -> Vec<String> {
    // Folders below belong to others: the card page has an origin of its own.
    Files::iter().filter(|name| !name.contains('/')).map(Cow::into_owned).collect()
}

fn hashed(name: &str) -> Option<String> {
    if name.contains('/') {
        return None;
    }
    let (stem, extension) = name.rsplit_once('.')?;
    let hash = Files::get(name)?.metadata.sha256_hash();
    Some(format!("{stem}.{}.{extension}", hex::encode(&hash[..6])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_found_under_its_own_hash_only() {
        let address = url("app.css");
        let name = address.strip_prefix("/assets/").expect("under /assets/");
        assert_eq!(find(name).map(|asset| asset.mime), Some("text/css; charset=utf-8".into()));
        assert!(find("app.000000000000.css").is_none());
        assert!(find("app.css").is_none());
        assert!(find("../Cargo.000000000000.toml").is_none());
    }

    #[test]
    fn script_and_style_name_no_other_origin() {
        for name in names() {
            let file = Files::get(&name).expect("a listed file");
            let text = String::from_utf8_lossy(&file.data).replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("@import"), "{name}");
        }
    }
}
