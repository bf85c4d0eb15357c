//! The chart of accounts. An account is its name: `liability:customer:usr_…:usd`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::ids::UserId;
use crate::base::money::Asset;

/// The five kinds of account, as every accounting program knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Asset,
    Liability,
    Equity,
    Income,
    Expense,
}

impl Class {
    pub const fn word(self) -> &'static str {
        match self {
            Class::Asset => "asset",
            Class::Liability => "liability",
            Class::Equity => "equity",
            Class::Income => "income",
            Class::Expense => "expense",
        }
    }

    /// Whether a debit makes it more. A credit does for the others.
    pub const fn grows_by_debit(self) -> bool {
        matches!(self, Class::Asset | Class::Expense)
    }
}

/// Whose account of its title it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// There is one for the whole co-op.
    House,
    User(UserId),
    /// A provider, by the number of the twin on the grid that owns the farm.
    Twin(u32),
}

/// Which owners a title asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    Users,
    Twins,
}

/// What may happen to the balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Floor {
    /// May go below zero, for a while or for good.
    None,
    /// What is not there cannot be spent, holds included.
    Zero,
}

macro_rules! chart {
    ($($title:ident $class:ident $word:literal $whose:ident [$($asset:ident)*] $floor:ident $doc:literal,)*) => {
        /// What an account is for. One line each: class, word in the name, whose, in which assets, floor.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Title {
            $(#[doc = $doc] $title,)*
        }

        impl Title {
            pub const ALL: &'static [Title] = &[$(Title::$title),*];

            const fn row(self) -> Row {
                match self {
                    $(Title::$title => Row {
                        class: Class::$class,
                        word: $word,
                        whose: Whose::$whose,
                        assets: &[$(Asset::$asset),*],
                        floor: Floor::$floor,
                        about: $doc,
                    },)*
                }
            }
        }
    };
}

struct Row {
    class: Class,
    word: &'static str,
    whose: Whose,
    assets: &'static [Asset],
    floor: Floor,
    about: &'static str,
}

chart! {
    Bank          Asset     "bank"           Ours  [Usd]     None "Money in the bank.",
    CardProcessor Asset     "card-processor" Ours  [Usd]     None "What the card processor holds for us. Disputes can take it below zero.",
    CustomerDebt  Asset     "customer-debt"  Users [Usd]     None "What a customer owes us, after a charge was taken back.",
    Wallet        Asset     "wallet"         Ours  [Tft]     Zero "Tokens in our wallet on the chain.",
    GridReserve   Asset     "grid-reserve"   Ours  [Tft]     Zero "Tokens set aside for what running contracts will cost.",
    InTransit     Asset     "in-transit"     Ours  [Usd Tft] Zero "On its way through an exchange or a bridge.",
    Customer      Liability "customer"       Users [Usd]     Zero "What a customer has paid and not yet used.",
    Provider      Liability "provider"       Twins [Tft]     Zero "What a provider has earned and not yet been paid.",
    Member        Liability "member"         Users [Usd]     Zero "What a member of the co-op is due by the split.",
    GridDue       Liability "grid-due"       Ours  [Tft]     None "Billed by the grid and not yet taken from the wallet.",
    Tax           Liability "tax"            Ours  [Usd]     None "Taxes collected and not yet handed on.",
    Opening       Equity    "opening"        Ours  [Usd Tft] None "What was there before these books began, and what the co-op puts in.",
    Exchange      Equity    "conversion"     Ours  [Usd Tft] None "Where one asset leaves and another comes in.",
    Capital       Equity    "capital"        Users [Usd]     Zero "What an investor or member has put in.",
    Hosting       Income    "hosting"        Ours  [Usd]     None "What customers used.",
    Rounding      Income    "rounding"       Ours  [Usd Tft] None "Parts of a unit that nobody is due.",
    CardFees      Expense   "card-fees"      Ours  [Usd]     None "What the card processor keeps.",
    Grid          Expense   "grid"           Ours  [Tft]     None "What the grid bills for contracts.",
    ProviderShare Expense   "provider-share" Ours  [Tft]     None "The providers' part.",
    MemberShare   Expense   "member-share"   Ours  [Usd]     None "The members' part, as they have voted.",
    TransferFees  Expense   "transfer-fees"  Ours  [Usd Tft] None "Fees of bridge, exchange and chain.",
    Losses        Expense   "losses"         Ours  [Usd Tft] None "What will not come back.",
}

impl Title {
    pub const fn class(self) -> Class {
        self.row().class
    }

    /// One sentence for the chart of accounts.
    pub const fn about(self) -> &'static str {
        self.row().about
    }

    fn with(class: &str, word: &str) -> Option<Title> {
        Title::ALL.iter().copied().find(|title| title.row().word == word && title.class().word() == class)
    }
}

/// One account, in one asset. Only those of the chart can be made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Account {
    title: Title,
    owner: Owner,
    asset: Asset,
}

impl Account {
    /// None if the chart has no such account.
    pub fn new(title: Title, owner: Owner, asset: Asset) -> Option<Self> {
        let row = title.row();
        let fits = matches!(
            (row.whose, owner),
            (Whose::Ours, Owner::House) | (Whose::Users, Owner::User(_)) | (Whose::Twins, Owner::Twin(_))
        );
        (fits && row.assets.contains(&asset)).then_some(Account { title, owner, asset })
    }

    const fn ours(title: Title, asset: Asset) -> Self {
        Account { title, owner: Owner::House, asset }
    }

    pub const BANK: Account = Account::ours(Title::Bank, Asset::Usd);
    pub const CARD_PROCESSOR: Account = Account::ours(Title::CardProcessor, Asset::Usd);
    pub const WALLET: Account = Account::ours(Title::Wallet, Asset::Tft);
    pub const GRID_RESERVE: Account = Account::ours(Title::GridReserve, Asset::Tft);
    pub const GRID_DUE: Account = Account::ours(Title::GridDue, Asset::Tft);
    pub const TAX: Account = Account::ours(Title::Tax, Asset::Usd);
    pub const HOSTING: Account = Account::ours(Title::Hosting, Asset::Usd);
    pub const CARD_FEES: Account = Account::ours(Title::CardFees, Asset::Usd);
    pub const GRID: Account = Account::ours(Title::Grid, Asset::Tft);
    pub const PROVIDER_SHARE: Account = Account::ours(Title::ProviderShare, Asset::Tft);
    pub const MEMBER_SHARE: Account = Account::ours(Title::MemberShare, Asset::Usd);

    pub const fn in_transit(asset: Asset) -> Self {
        Account::ours(Title::InTransit, asset)
    }

    pub const fn opening(asset: Asset) -> Self {
        Account::ours(Title::Opening, asset)
    }

    pub const fn exchange(asset: Asset) -> Self {
        Account::ours(Title::Exchange, asset)
    }

    pub const fn rounding(asset: Asset) -> Self {
        Account::ours(Title::Rounding, asset)
    }

    pub const fn transfer_fees(asset: Asset) -> Self {
        Account::ours(Title::TransferFees, asset)
    }

    pub const fn losses(asset: Asset) -> Self {
        Account::ours(Title::Losses, asset)
    }

    pub const fn customer(user: UserId) -> Self {
        Account { title: Title::Customer, owner: Owner::User(user), asset: Asset::Usd }
    }

    pub const fn customer_debt(user: UserId) -> Self {
        Account { title: Title::CustomerDebt, owner: Owner::User(user), asset: Asset::Usd }
    }

    pub const fn provider(twin: u32) -> Self {
        Account { title: Title::Provider, owner: Owner::Twin(twin), asset: Asset::Tft }
    }

    pub const fn member(user: UserId) -> Self {
        Account { title: Title::Member, owner: Owner::User(user), asset: Asset::Usd }
    }

    pub const fn capital(user: UserId) -> Self {
        Account { title: Title::Capital, owner: Owner::User(user), asset: Asset::Usd }
    }

    pub const fn title(self) -> Title {
        self.title
    }

    pub const fn class(self) -> Class {
        self.title.class()
    }

    pub const fn owner(self) -> Owner {
        self.owner
    }

    pub const fn asset(self) -> Asset {
        self.asset
    }

    /// Whether it may not go below zero.
    pub const fn has_floor(self) -> bool {
        matches!(self.title.row().floor, Floor::Zero)
    }
}

/// `class:title[:owner]:asset`
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.title.row();
        write!(f, "{}:{}:", row.class.word(), row.word)?;
        match self.owner {
            Owner::House => {}
            Owner::User(user) => write!(f, "{user}:")?,
            Owner::Twin(twin) => write!(f, "{twin}:")?,
        }
        f.write_str(match self.asset {
            Asset::Usd => "usd",
            Asset::Tft => "tft",
        })
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text names no account of the chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnAccount;

impl fmt::Display for NotAnAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an account of the chart")
    }
}

impl std::error::Error for NotAnAccount {}

impl FromStr for Account {
    type Err = NotAnAccount;

    fn from_str(text: &str) -> Result<Self, NotAnAccount> {
        let parts: Vec<&str> = text.split(':').collect();
        let (class, word, owner, asset) = match parts[..] {
            [class, word, asset] => (class, word, None, asset),
            [class, word, owner, asset] => (class, word, Some(owner), asset),
            _ => return Err(NotAnAccount),
        };
        let title = Title::with(class, word).ok_or(NotAnAccount)?;
        let owner = match (title.row().whose, owner) {
            (Whose::Ours, None) => Owner::House,
            (Whose::Users, Some(user)) => Owner::User(user.parse().map_err(|_| NotAnAccount)?),
            (Whose::Twins, Some(text)) => {
                let twin: u32 = text.parse().map_err(|_| NotAnAccount)?;
                if twin.to_string() != text {
                    return Err(NotAnAccount); // "+7" and "007" would be second names
                }
                Owner::Twin(twin)
            }
            _ => return Err(NotAnAccount),
        };
        let asset = match asset {
            "usd" => Asset::Usd,
            "tft" => Asset::Tft,
            _ => return Err(NotAnAccount),
        };
        Account::new(title, owner, asset).ok_or(NotAnAccount)
    }
}

impl TryFrom<String> for Account {
    type Error = NotAnAccount;
    fn try_from(text: String) -> Result<Self, NotAnAccount> {
        text.parse()
    }
}

impl From<Account> for String {
    fn from(account: Account) -> String {
        account.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_of_the_chart_prints_and_parses_inverse() {
        let owners = [Owner::House, Owner::User(UserId::from_bits(77)), Owner::Twin(4_000_000_000)];
        let mut names = Vec::new();
        for &title in Title::ALL {
            for (owner, asset) in owners.into_iter().flat_map(|owner| Asset::ALL.map(|asset| (owner, asset))) {
                if let Some(account) = Account::new(title, owner, asset) {
                    assert_eq!(account.to_string().parse(), Ok(account));
                    names.push(account.to_string());
                }
            }
        }
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "two accounts share a name");
        assert!(count >= Title::ALL.len());
    }

    #[test]
    fn names_read_as_people_expect_them() {
        assert_eq!(Account::CARD_PROCESSOR.to_string(), "asset:card-processor:usd");
        assert_eq!(Account::provider(7).to_string(), "liability:provider:7:tft");
        assert_eq!(Account::customer(UserId::from_bits(0)).to_string(), "liability:customer:usr_00000000000000000000000000:usd");
    }

    #[test]
    fn what_the_chart_does_not_list_is_no_account() {
        for wrong in [
            "",
            "asset",
            "asset:wallet",
            "asset:wallet:usd",
            "liability:wallet:tft",
            "asset:wallet:7:tft",
            "liability:provider:tft",
            "liability:provider:+7:tft",
            "liability:provider:007:tft",
            "liability:customer:7:usd",
            "Asset:wallet:tft",
        ] {
            assert_eq!(wrong.parse::<Account>(), Err(NotAnAccount), "{wrong}");
        }
    }
}
