//! The pretended post office: keeps every mail for reading in the browser.
