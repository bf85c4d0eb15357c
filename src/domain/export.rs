//! The books as other accounting programs read them: hledger's journal and beancount, one transaction a posted transfer.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::ledger::{Account, Balance, Posting};
use crate::base::Time;
use crate::base::money::{Asset, SCALE};
use crate::base::time::DAY;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Hledger,
    Beancount,
}

/// Writes a journal: the declarations, each posting in its order, and at the end what every account must come to, so
/// that the reading program proves our balances.
pub struct Export<'a> {
    format: Format,
    balances: &'a [(Account, Balance)],
    out: &'a mut dyn Write,
    opened: BTreeSet<Account>,
}

impl<'a> Export<'a> {
    /// `balances` are those of every account that is posted to.
    pub fn start(format: Format, balances: &'a [(Account, Balance)], out: &'a mut dyn Write) -> io::Result<Self> {
        match format {
            Format::Hledger => {
                writeln!(out, "; The books of this co-op, written by Cooperage. Amounts have seven decimals.")?;
                writeln!(out, "decimal-mark .")?;
                for asset in Asset::ALL {
                    writeln!(out, "commodity 1.0000000 {asset}")?;
                }
                for (account, _) in balances {
                    writeln!(out, "account {account}  ; {}", account.title().about())?;
                }
            }
            Format::Beancount => {
                writeln!(out, "; The books of this co-op, written by Cooperage.")?;
                writeln!(out, "option \"title\" \"Cooperage\"")?;
                for asset in Asset::ALL {
                    writeln!(out, "1970-01-01 commodity {asset}")?;
                }
            }
        }
        writeln!(out)?;
        Ok(Export { format, balances, out, opened: BTreeSet::new() })
    }

    pub fn posting(&mut self, posting: &Posting) -> io::Result<()> {
        match self.format {
            Format::Hledger => self.hledger(posting),
            Format::Beancount => self.beancount(posting),
        }
    }

    fn hledger(&mut self, posting: &Posting) -> io::Result<()> {
        let Posting { number, at, transfer, debit, credit, amount, cause, memo } = posting;
        let (asset, out) = (debit.asset(), &mut *self.out);
        writeln!(out, "{} * ({number}) {}", at.date(), one_line(memo, cause.kind()))?;
        writeln!(out, "    ; transfer:{transfer}, cause:{cause}")?;
        writeln!(out, "    {debit}  {} {asset}", decimal((*amount).into()))?;
        writeln!(out, "    {credit}  {} {asset}", decimal(-i128::from(*amount)))?;
        writeln!(out)
    }

    fn beancount(&mut self, posting: &Posting) -> io::Result<()> {
        let Posting { number, at, transfer, debit, credit, amount, cause, memo } = posting;
        let (asset, out) = (debit.asset(), &mut *self.out);
        for account in [*debit, *credit] {
            if self.opened.insert(account) {
                writeln!(out, "{} open {} {asset}", at.date(), beancount_name(account))?;
            }
        }
        writeln!(out, "{} * \"{}\"", at.date(), one_line(memo, cause.kind()))?;
        writeln!(out, "  entry: {number}")?;
        writeln!(out, "  transfer: \"{transfer}\"")?;
        writeln!(out, "  cause: \"{cause}\"")?;
        writeln!(out, "  {}  {} {asset}", beancount_name(*debit), decimal((*amount).into()))?;
        writeln!(out, "  {}  {} {asset}", beancount_name(*credit), decimal(-i128::from(*amount)))?;
        writeln!(out)
    }

    /// Ends with the balances. `last` is the time of the last entry.
    pub fn finish(self, last: Time) -> io::Result<()> {
        if self.format == Format::Hledger && !self.balances.is_empty() {
            writeln!(self.out, "{} * closing balances", last.date())?;
        }
        for (account, balance) in self.balances {
            let (asset, sum) = (account.asset(), decimal(balance.net()));
            match self.format {
                Format::Hledger => writeln!(self.out, "    {account}  0 {asset} = {sum} {asset}")?,
                // beancount looks at the start of a day, and knows only accounts that were posted to
                Format::Beancount if self.opened.contains(account) => {
                    writeln!(self.out, "{} balance {} {sum} ~ 0 {asset}", (last + DAY).date(), beancount_name(*account))?;
                }
                Format::Beancount => {}
            }
        }
        self.out.flush()
    }
}

/// All seven decimals: `-0.0000001`.
fn decimal(units: i128) -> String {
    let scale = u128::from(SCALE.unsigned_abs());
    let sign = if units < 0 { "-" } else { "" };
    format!("{sign}{}.{:07}", units.unsigned_abs() / scale, units.unsigned_abs() % scale)
}

/// The memo without what the two formats take for syntax, or `else_word`.
fn one_line<'a>(memo: &'a str, else_word: &'a str) -> String {
    let plain: String = memo.chars().map(|letter| if ";|\"\\".contains(letter) { ' ' } else { letter }).collect();
    if plain.trim().is_empty() { else_word.into() } else { plain.trim().into() }
}

/// `liability:provider:7:tft` as `Liabilities:Provider:7:TFT`: parts start with a capital or a digit and hold no `_`.
fn beancount_name(account: Account) -> String {
    let name = account.to_string();
    let mut parts = name.split(':');
    let root = match parts.next() {
        Some("asset") => "Assets",
        Some("liability") => "Liabilities",
        Some("income") => "Income",
        Some("expense") => "Expenses",
        _ => "Equity",
    };
    let mut text = root.to_owned();
    for part in parts {
        let mut letters = part.chars();
        text.push(':');
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.extend(letters.map(|letter| if letter == '_' { '-' } else { letter }));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::{TransferId, UserId};
    use crate::domain::ledger::Cause;

    fn written(format: Format) -> String {
        let balance = |debits_posted, credits_posted| Balance { debits_posted, credits_posted, ..Balance::default() };
        let user = Account::customer(UserId::from_bits(1));
        let balances = [(Account::CARD_PROCESSOR, balance(100_000_000, 0)), (user, balance(0, 100_000_000))];
        let mut out = Vec::new();
        let mut export = Export::start(format, &balances, &mut out).expect("memory takes it");
        let posting = Posting {
            number: 3,
            at: Time::from_secs(1_795_270_000),
            transfer: TransferId::from_bits(5),
            debit: Account::CARD_PROCESSOR,
            credit: user,
            amount: 100_000_000,
            cause: Cause::new("charge", "chg_1"),
            memo: "ten \"dollars\"; thanks".into(),
        };
        export.posting(&posting).expect("memory takes it");
        export.finish(posting.at).expect("memory takes it");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_posting_reads_as_hledger_wants_it() {
        let text = written(Format::Hledger);
        assert!(text.contains("2026-11-21 * (3) ten  dollars   thanks\n    ; transfer:trf_"), "{text}");
        assert!(text.contains("    asset:card-processor:usd  10.0000000 USD\n"), "{text}");
        assert!(text.contains("    liability:customer:usr_00000000000000000000000001:usd  0 USD = -10.0000000 USD\n"), "{text}");
    }

    #[test]
    fn a_posting_reads_as_beancount_wants_it() {
        let text = written(Format::Beancount);
        assert!(text.contains("2026-11-21 open Assets:Card-processor:Usd USD\n"), "{text}");
        assert!(text.contains("  Liabilities:Customer:Usr-00000000000000000000000001:Usd  -10.0000000 USD\n"), "{text}");
        assert!(text.contains("2026-11-22 balance Assets:Card-processor:Usd 10.0000000 ~ 0 USD\n"), "{text}");
    }

    #[test]
    fn amounts_keep_every_unit() {
        assert_eq!(decimal(-1), "-0.0000001");
        assert_eq!(decimal(i128::from(i64::MIN)), "-922337203685.4775808");
    }
}
