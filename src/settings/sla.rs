//! What is promised with every order, as settings. An order keeps what was promised when it was made.

use serde::{Deserialize, Serialize};

use crate::base::{Error, Kind, Result};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Promise {
    /// Percent of a calendar month, `"99.5"`.
    pub availability: String,
    /// Percent of the month's price that goes back to who writes that it was missed.
    pub credit_percent: u32,
    /// Within so many hours mails are answered; 24 is one working day.
    pub support_hours: u32,
}

impl Default for Promise {
    fn default() -> Self {
        Promise { availability: "99.5".into(), credit_percent: 10, support_hours: 24 }
    }
}

impl Promise {
    /// Hundredths of a percent.
    pub fn availability_bp(&self) -> Option<u32> {
        let (whole, rest) = self.availability.split_once('.').unwrap_or((&self.availability, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(rest) || whole.len() > 3 || rest.len() > 2 {
            return None;
        }
        format!("{whole}{rest:0<2}").parse().ok().filter(|points| *points <= 10_000)
    }

    pub(super) fn check(&self) -> Result<()> {
        let bad = |message: String| Error::new(Kind::Invalid, message);
        if self.availability_bp().is_none() {
            return Err(bad(format!("sla.availability is “{}”, which is no percentage such as \"99.5\".", self.availability)));
        }
        if self.credit_percent > 100 {
            return Err(bad("sla.credit_percent gives more than 100 percent back.".into()));
        }
        if self.support_hours == 0 {
            return Err(bad("sla.support_hours is 0: nobody answers at once.".into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_that_cannot_be_meant_is_refused() {
        Promise::default().check().unwrap();
        assert_eq!(Promise::default().availability_bp(), Some(9950));
        let own = Promise { availability: "100".into(), credit_percent: 25, support_hours: 4 };
        own.check().unwrap();
        assert_eq!(own.availability_bp(), Some(10_000));
        for availability in ["", "99,5", "101", "100.01", "99.555", "-1", "all"] {
            assert!(Promise { availability: availability.into(), ..Promise::default() }.check().is_err(), "{availability}");
        }
        assert!(Promise { credit_percent: 101, ..Promise::default() }.check().is_err());
        assert!(Promise { support_hours: 0, ..Promise::default() }.check().is_err());
    }
}
