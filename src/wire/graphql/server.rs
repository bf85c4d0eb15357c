//! Answers queries from rows: lists with conditions, order and limits, and their counts. What is not played is an error, never ignored.

use serde_json::{Map, Value, json};

use super::query::{Field, read};

/// One object of a list, every field it has.
pub type Row = Map<String, Value>;

/// Who knows the grid. Each question is answered from one moment.
pub trait GraphBackend: Send + Sync + 'static {
    /// All rows of a list by its name in the schema, such as `nodeContracts`; None for a name it does not have.
    fn rows(&self, list: &str) -> Option<Vec<Row>>;
}

/// The body of a request, answered. `Err` is the body of a refusal.
pub fn answer(backend: &dyn GraphBackend, body: &[u8]) -> Result<Value, Value> {
    data(backend, body).map(|data| json!({ "data": data })).map_err(|message| json!({ "errors": [{ "message": message }] }))
}

fn data(backend: &dyn GraphBackend, body: &[u8]) -> Result<Row, String> {
    let request: Value = serde_json::from_slice(body).map_err(|error| format!("The request is no JSON: {error}"))?;
    let query = request.get("query").and_then(Value::as_str).ok_or("The request has no query.")?;
    let none = Map::new();
    let variables = request.get("variables").and_then(Value::as_object).unwrap_or(&none);
    let mut data = Row::new();
    for field in read(query, variables).map_err(|error| error.to_string())? {
        let value = match field.name.as_str() {
            "__typename" => json!("Query"),
            name => match name.strip_suffix("Connection") {
                Some(list) => count(backend, list, &field)?,
                None => {
                    let rows = chosen(backend, name, &field, &["where", "orderBy", "limit", "offset"])?;
                    let rows = rows.iter().map(|row| shown(row, &field.fields, name));
                    Value::Array(rows.collect::<Result<_, _>>()?)
                }
            },
        };
        data.insert(field.alias, value);
    }
    Ok(data)
}

fn count(backend: &dyn GraphBackend, list: &str, field: &Field) -> Result<Value, String> {
    let total = chosen(backend, list, field, &["where", "orderBy"])?.len();
    let mut answer = Row::new();
    for wanted in &field.fields {
        match wanted.name.as_str() {
            "totalCount" => answer.insert(wanted.alias.clone(), json!(total)),
            other => return Err(unknown_field(other, &field.name)),
        };
    }
    Ok(Value::Object(answer))
}

fn unknown_field(field: &str, of: &str) -> String {
    format!("Cannot query field \"{field}\" on \"{of}\".")
}

fn chosen(backend: &dyn GraphBackend, list: &str, field: &Field, may: &[&str]) -> Result<Vec<Row>, String> {
    if let Some(other) = field.arguments.keys().find(|name| !may.contains(&name.as_str())) {
        return Err(format!("Unknown argument \"{other}\" on field \"{}\".", field.name));
    }
    let mut rows = backend.rows(list).ok_or_else(|| unknown_field(&field.name, "Query"))?;
    if let Some(conditions) = field.arguments.get("where") {
        let mut kept = Vec::new();
        for row in rows {
            if meets(&row, conditions)? {
                kept.push(row);
            }
        }
        rows = kept;
    }
    if let Some(order) = field.arguments.get("orderBy") {
        sort(&mut rows, order)?;
    }
    let number = |name: &str| match field.arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
            number.map(Some).ok_or_else(|| format!("\"{name}\" must be a number that is not negative."))
        }
    };
    let (skip, most) = (number("offset")?.unwrap_or(0), number("limit")?.unwrap_or(usize::MAX));
    Ok(rows.into_iter().skip(skip).take(most).collect())
}

/// All conditions must hold: `field_eq`, `field_in`, `field_contains`, and lists of more under `AND`.
fn meets(row: &Row, conditions: &Value) -> Result<bool, String> {
    let conditions = conditions.as_object().ok_or("\"where\" must be an object.")?;
    for (name, wish) in conditions {
        let holds = if name == "AND" {
            let all = wish.as_array().ok_or("\"AND\" must be a list.")?;
            all.iter().try_fold(true, |so_far, more| Ok::<_, String>(meets(row, more)? && so_far))?
        } else {
            let (field, how) = name.rsplit_once('_').ok_or_else(|| format!("Unknown condition \"{name}\"."))?;
            let is = row.get(field).ok_or_else(|| format!("Unknown condition \"{name}\"."))?;
            match (how, wish) {
                ("eq", wish) => text(is) == text(wish),
                ("in", Value::Array(wishes)) => wishes.iter().any(|wish| text(is) == text(wish)),
                ("contains", Value::String(part)) => text(is).is_some_and(|is| is.contains(part)),
                _ => return Err(format!("Unknown condition \"{name}\".")),
            }
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A big number is a text here and a number there: both mean the same.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        _ => None,
    }
}

fn sort(rows: &mut [Row], order: &Value) -> Result<(), String> {
    let unknown = || format!("Unknown order {order}.");
    let order = match order.as_array().map(Vec::as_slice) {
        Some([order]) => order,
        Some(_) => return Err(unknown()),
        None => order,
    };
    let (field, direction) = order.as_str().and_then(|order| order.rsplit_once('_')).ok_or_else(unknown)?;
    if !["ASC", "DESC"].contains(&direction) || rows.iter().any(|row| !row.contains_key(field)) {
        return Err(unknown());
    }
    rows.sort_by(|a, b| {
        let (a, b) = (a.get(field).and_then(text), b.get(field).and_then(text));
        let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<i128>().ok());
        let ordering = match (number(&a), number(&b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.cmp(&b),
        };
        if direction == "DESC" { ordering.reverse() } else { ordering }
    });
    Ok(())
}

fn shown(row: &Row, fields: &[Field], of: &str) -> Result<Value, String> {
    let mut object = Row::new();
    for field in fields {
        let value = row.get(&field.name).ok_or_else(|| unknown_field(&field.name, of))?;
        let value = match value {
            Value::Object(inner) if !field.fields.is_empty() => shown(inner, &field.fields, &field.name)?,
            plain => plain.clone(),
        };
        object.insert(field.alias.clone(), value);
    }
    Ok(Value::Object(object))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Fixed;

    impl GraphBackend for Fixed {
        fn rows(&self, list: &str) -> Option<Vec<Row>> {
            let row = |id: u64, state: &str, data: &str| {
                json!({ "contractID": id.to_string(), "nodeID": id % 2, "state": state, "data": data }).as_object().cloned()
            };
            let rows = [row(9, "Created", "{\"a\":1}"), row(10, "Deleted", ""), row(11, "Created", "")];
            (list == "nodeContracts").then(|| rows.into_iter().flatten().collect())
        }
    }

    fn ask(query: &str, variables: Value) -> Result<Value, Value> {
        answer(&Fixed, &serde_json::to_vec(&json!({ "query": query, "variables": variables })).unwrap())
    }

    fn ids(query: &str) -> Vec<String> {
        let answer = ask(query, Value::Null).unwrap();
        let rows = answer["data"]["nodeContracts"].as_array().unwrap().clone();
        rows.iter().map(|row| row["contractID"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn rows_are_chosen_ordered_and_cut() {
        assert_eq!(ids("{ nodeContracts(orderBy: contractID_DESC) { contractID } }"), ["11", "10", "9"], "as numbers");
        assert_eq!(ids("{ nodeContracts(where: {contractID_eq: 10}) { contractID } }"), ["10"], "a number for a text");
        assert_eq!(ids("{ nodeContracts(where: {state_in: [Created], nodeID_eq: 1}, limit: 1) { contractID } }"), ["9"]);
        let data = r#"{ nodeContracts(where: {state_eq: Created , AND: [{ data_contains: "\"a\"" },]}) { contractID } }"#;
        assert_eq!(ids(data), ["9"]);
        let counted =
            ask("query { items: nodeContractsConnection(where: {state_eq: Created}) { count: totalCount } }", json!({}));
        assert_eq!(counted, Ok(json!({ "data": { "items": { "count": 2 } } })));
        assert_eq!(ask("query { __typename }", json!({})), Ok(json!({ "data": { "__typename": "Query" } })));
    }

    #[test]
    fn what_is_not_played_is_refused_and_never_ignored() {
        for query in [
            "{ farms { id } }",
            "{ nodeContracts { what } }",
            "{ nodeContracts(where: {what_eq: 1}) { contractID } }",
            "{ nodeContracts(where: {contractID_gt: 1}) { contractID } }",
            "{ nodeContracts(where: {OR: [{contractID_eq: 1}]}) { contractID } }",
            "{ nodeContracts(first: 1) { contractID } }",
            "{ nodeContracts(limit: -1) { contractID } }",
            "{ nodeContracts(orderBy: what_ASC) { contractID } }",
            "{ nodeContracts(orderBy: [nodeID_ASC, contractID_ASC]) { contractID } }",
            "{ nodeContractsConnection(limit: 1) { totalCount } }",
            "{ nodeContractsConnection { edges } }",
        ] {
            let refused = ask(query, json!({})).unwrap_err();
            assert!(refused["errors"][0]["message"].is_string(), "{query}");
        }
        assert!(answer(&Fixed, b"[]").is_err() && answer(&Fixed, b"\xff").is_err());
    }

    proptest! {
        #[test]
        fn noise_is_refused_and_never_panics(noise: Vec<u8>, condition in "[a-zA-Z_]{0,24}", number: i64, text: String) {
            let _ = answer(&Fixed, &noise);
            for value in [json!(number), json!(text), json!([text, number]), json!({ "a": text })] {
                let query = format!("query q($v: Any) {{ nodeContracts(where: {{ {condition}: $v }}, limit: $v, orderBy: $v) {{ {condition} }} }}");
                let _ = ask(&query, json!({ "v": value }));
            }
        }
    }
}
