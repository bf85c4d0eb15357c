//! How long a call is tried: nodes that take nothing, and blocks that leave it out, must not keep anybody waiting for ever.

use crate::base::Error;

/// As often in a row the chain may say no to the same bytes. They may land all the same, so that is not counted as refused.
const REFUSALS: u32 = 10;
/// So often a call is signed; each time it can land for about six minutes.
const SIGNINGS: u32 = 3;
/// What a node says of bytes whose number is used up: by themselves, most often, in a block that is not final yet.
const USED: &str = "outdated";

/// What has been borne so far.
#[derive(Default)]
pub(super) struct Patience {
    signings: u32,
    refusals: u32,
    last: Option<Error>,
}

impl Patience {
    /// Before it is signed, once more or for the first time.
    pub(super) fn sign(&mut self) -> Result<(), Error> {
        self.signings += 1;
        self.refusals = 0;
        if self.signings > SIGNINGS { Err(self.over("The chain did not take it up")) } else { Ok(()) }
    }

    /// After it was sent: what the node said of it, if it took it or said no. One that did not answer has said nothing.
    pub(super) fn sent(&mut self, said: Result<(), Error>) -> Result<(), Error> {
        match said {
            Ok(()) => self.refusals = 0,
            Err(error) if error.cause().is_some_and(|cause| cause.to_string().contains(USED)) => {}
            Err(error) => {
                self.refusals += 1;
                self.last = Some(error);
            }
        }
        if self.refusals >= REFUSALS { Err(self.over("The chain's nodes do not take it")) } else { Ok(()) }
    }

    fn over(&mut self, what: &str) -> Error {
        let error = Error::unavailable(format!("{what}. Type the line again to go on later; nothing is done twice."));
        match self.last.take() {
            Some(last) => error.because(last),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_nobody_takes_and_calls_that_never_land_are_given_up() {
        let no = |why: &str| Err(Error::internal("The chain says something unexpected.").because(why.to_owned()));
        let mut patience = Patience::default();
        patience.sign().unwrap();
        for _ in 1..REFUSALS {
            patience.sent(no("Pool is closed")).unwrap();
        }
        let over = patience.sent(no("Pool is closed")).unwrap_err();
        assert!(crate::cli::causes(&over).contains(&"Pool is closed".to_owned()), "{over:?}");

        let mut patience = Patience::default();
        patience.sign().unwrap();
        for _ in 0..3 * REFUSALS {
            patience.sent(no("Pool is closed")).unwrap();
            patience.sent(Ok(())).unwrap();
            patience.sent(no("Transaction is outdated")).unwrap();
        }
        assert!((1..SIGNINGS).all(|_| patience.sign().is_ok()));
        assert!(patience.sign().is_err());
    }
}
