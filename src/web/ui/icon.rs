//! A few signs, drawn on a grid of 24 with one line width. They repeat what words beside them say, so readers skip them.

use maud::{Markup, html};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    Alert,
    Card,
    Check,
    Cpu,
    Disk,
    Info,
    Memory,
    Person,
    Pin,
    Server,
    Shield,
}

pub fn icon(icon: Icon) -> Markup {
    let path = match icon {
        Icon::Alert => "M12 4 2.8 20h18.4L12 4zM12 10v4.5M12 17.4v.1",
        Icon::Card => "M3 7a2 2 0 0 1 2-2h14a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2zM3 10h18M7 15h4",
        Icon::Check => "M4.5 12.5l5 5 10-11",
        Icon::Cpu => "M7 7h10v10H7zM10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4",
        Icon::Disk => {
            "M4 6c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3zM4 6v12c0 1.7 3.6 3 8 3s8-1.3 8-3V6M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3"
        }
        Icon::Info => "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5M12 8v.1",
        Icon::Memory => "M3 8h18v9H3zM7 8v4M11 8v4M15 8v4M6 17v3M12 17v3M18 17v3",
        Icon::Person => "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.5 20.5c1-4 4-5.5 7.5-5.5s6.5 1.5 7.5 5.5",
        Icon::Pin => {
            "M12 21s7-6.2 7-11.500a7 7 0 0 0-14 0C5 14.8 12 21 12 21zM12 7.500a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.400z"
        }
        Icon::Server => "M4 4h16v7H4zM4 13h16v7H4zM7.5 7.500h.1M7.5 16.500h.1M11 7.500h5M11 16.500h5",
        Icon::Shield => "M12 3l8 3v6c0 4.5-3.2 7.7-8 9-4.8-1.3-8-4.5-8-9V6zM8.5 12l2.5 2.5 4.5-5",
    };
    html! {
        svg.icon viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false" { path d=(path) {} }
    }
}
