//! Options whose name, type, default and description stand in one place.

use crate::schema::{Field, Keywords, Schema};
pub use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The type of an option, which is read from JSON.
pub trait Property: Sized {
    /// What values it takes.
    const SCHEMA: Schema;

    /// Whether it has to be given if it has no default.
    const REQUIRED: bool = true;

    /// Whether null stands for the default; otherwise it is read like any value.
    const NULL_IS_DEFAULT: bool = false;

    /// Reads a value; the error says what is wrong with it.
    fn read(value: &Json) -> Result<Self, String>;
}

/// A struct of options; [`options!`](crate::options!) makes them.
pub trait Options: Property {
    /// Its JSON Schema, as JSON text.
    const JSON_SCHEMA: &'static str;
}

/// An enum of texts; [`options!`](crate::options!) makes them.
pub trait Choice: Property {
    /// The text of a variant, the first if it has several.
    fn name(&self) -> &'static str;
}

/// Declares options: a struct with the JSON Schema of what it is read from.
///
/// The comment of a field is the property's description. After `=` stands its default
/// as a JSON literal, which is read like a given value. A property without one has to be
/// given, unless it is an `Option`. Further keywords of the schema stand in `#[schema]`,
/// those of the whole after the struct's name, as in `struct Rule[minProperties: 1]`.
/// Reading checks `minimum`, `exclusiveMinimum`, `maximum`, `minLength`, `maxLength`,
/// `minItems`, `minProperties` and `maxProperties`, and no other ones. A name that is not a
/// field's is an error. With `..` for its default, a field is not a property of its own:
/// those of its type, such a struct that requires none, stand beside the others.
///
/// An enum gives each variant its text, or several. If its variants hold values, it is a
/// mapping with one of the texts and its value, as in `Webhook(Webhook) = "webhook"`.
///
/// ```
/// use storage_contract::options::{Options, Property};
/// use storage_contract::options;
///
/// options! {
///     struct Config {
///         /// How hard to compress
///         #[schema(minimum: 0, maximum: 9)]
///         level: u32 = 6,
///         /// What to do with larger objects
///         larger: Larger = "keep",
///         /// Who is told
///         contact: Option<String>,
///     }
/// }
///
/// options! {
///     #[derive(Debug, PartialEq)]
///     enum Larger {
///         Keep = "keep",
///         Refuse = "refuse" | "reject",
///     }
/// }
///
/// let config = Config::read(&serde_json::json!({"level": 9})).unwrap();
/// assert_eq!((config.level, config.larger, config.contact), (9, Larger::Keep, None));
/// assert!(Config::JSON_SCHEMA.contains(r#""minimum":0,"maximum":9"#));
/// ```
#[macro_export]
macro_rules! options {
    (
        $(#[$attribute:meta])*
        $vis:vis struct $name:ident $([$($of_all:ident: $bound:tt),+])? {
            $(
                $(#[doc = $doc:literal])*
                $(#[schema($($keyword:ident: $value:tt),+ $(,)?)])?
                $field_vis:vis $field:ident: $type:ty $(= $default:tt)?
            ),* $(,)?
        }
    ) => {
        $(#[$attribute])*
        $vis struct $name {
            $($(#[doc = $doc])* $field_vis $field: $type,)*
        }

        impl $crate::options::Property for $name {
            const SCHEMA: $crate::schema::Schema = $crate::schema::Schema::Object {
                fields: &[$($crate::schema::Field {
                    name: stringify!($field),
                    description: concat!($($doc),*),
                    schema: <$type as $crate::options::Property>::SCHEMA,
                    flat: $crate::options!(@flat $($default)?),
                    required: !$crate::options!(@flat $($default)?)
                        && $crate::options!(@default $($default)?).is_none()
                        && <$type as $crate::options::Property>::REQUIRED,
                    default: $crate::options!(@default $($default)?),
                    keywords: &[$($((stringify!($keyword), stringify!($value)),)+)?],
                },)*],
                keywords: &[$($((stringify!($of_all), stringify!($bound)),)+)?],
            };

            fn read(value: &$crate::options::Json) -> ::core::result::Result<Self, String> {
                let mut given = $crate::options::Given::new(value, &Self::SCHEMA)?;
                Ok(Self { $($field: given.take()?,)* })
            }
        }

        impl $crate::options::Options for $name {
            const JSON_SCHEMA: &'static str = {
                const SCHEMA: $crate::schema::Schema =
                    <$name as $crate::options::Property>::SCHEMA;
                const TEXT: $crate::schema::Text<{ SCHEMA.length() }> = SCHEMA.text();
                TEXT.as_str()
            };
        }
    };
    (
        $(#[$attribute:meta])*
        $vis:vis enum $name:ident {
            $($(#[$of_variant:meta])* $variant:ident = $text:literal $(| $other:literal)*),+
            $(,)?
        }
    ) => {
        $(#[$attribute])*
        $vis enum $name {
            $($(#[$of_variant])* $variant,)+
        }

        impl $crate::options::Property for $name {
            const SCHEMA: $crate::schema::Schema =
                $crate::schema::Schema::Choice(&[$($text, $($other,)*)+]);

            fn read(value: &$crate::options::Json) -> ::core::result::Result<Self, String> {
                match value.as_str() {
                    $(Some($text $(| $other)*) => Ok(Self::$variant),)+
                    _ => {
                        let names = [$($text, $($other,)*)+];
                        Err(format!("must be one of {}", names.join(", ")))
                    }
                }
            }
        }

        impl $crate::options::Choice for $name {
            fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
    (
        $(#[$attribute:meta])*
        $vis:vis enum $name:ident {
            $($(#[doc = $doc:literal])* $variant:ident($type:ty) = $text:literal),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        $vis enum $name {
            $($(#[doc = $doc])* $variant($type),)+
        }

        impl $crate::options::Property for $name {
            const SCHEMA: $crate::schema::Schema = $crate::schema::Schema::Object {
                fields: &[$($crate::schema::Field {
                    name: $text,
                    description: concat!($($doc),*),
                    schema: <$type as $crate::options::Property>::SCHEMA,
                    flat: false,
                    required: false,
                    default: None,
                    keywords: &[],
                },)+],
                keywords: &[("minProperties", "1"), ("maxProperties", "1")],
            };

            fn read(value: &$crate::options::Json) -> ::core::result::Result<Self, String> {
                let (name, value) = $crate::options::Given::new(value, &Self::SCHEMA)?.only()?;
                let read = match name {
                    $($text => <$type as $crate::options::Property>::read(value)
                        .map(Self::$variant),)+
                    _ => Err("is not known".to_owned()),
                };
                read.map_err(|problem| format!("{name}: {problem}"))
            }
        }
    };
    (@flat ..) => { true };
    (@flat $($default:tt)?) => { false };
    (@default) => { None::<&'static str> };
    (@default ..) => { None::<&'static str> };
    (@default $default:tt) => { Some(stringify!($default)) };
}

/// An object that is read field by field, in the order of its schema.
pub struct Given<'a> {
    object: &'a serde_json::Map<String, Json>,
    fields: std::slice::Iter<'static, Field>,
}

impl<'a> Given<'a> {
    /// Checks that the value is an object with properties of the schema only.
    pub fn new(value: &'a Json, schema: &Schema) -> Result<Self, String> {
        let (Json::Object(object), Schema::Object { fields, keywords }) = (value, schema) else {
            return Err(mismatch("a mapping", value));
        };
        let names: Vec<&str> = fields.iter().flat_map(names).collect();
        match object.keys().find(|name| !names.contains(&name.as_str())) {
            None => check(value, keywords).map(|()| Self { object, fields: fields.iter() }),
            Some(name) => Err(format!("there is no {name:?}, only {}", names.join(", "))),
        }
    }

    /// The only property.
    pub fn only(self) -> Result<(&'a str, &'a Json), String> {
        let only = self.object.iter().next().ok_or("must have one of its properties")?;
        Ok((only.0, only.1))
    }

    /// The value of the next field.
    pub fn take<T: Property>(&mut self) -> Result<T, String> {
        let field = self.fields.next().ok_or("there are no more fields")?;
        if field.flat {
            let own = names(field);
            let own = self.object.iter().filter(|(name, _)| own.contains(&name.as_str()));
            return T::read(&own.map(|(name, value)| (name.clone(), value.clone())).collect());
        }
        let named = |problem| format!("{}: {problem}", field.name);
        let is_given = |value: &&Json| !(T::NULL_IS_DEFAULT && value.is_null());
        let given = self.object.get(field.name).filter(is_given);
        match (given, field.default) {
            (Some(value), _) => {
                check(value, field.keywords).and_then(|()| T::read(value)).map_err(named)
            }
            (None, Some(default)) => {
                let value = serde_json::from_str(default).map_err(|e| named(e.to_string()))?;
                T::read(&value).map_err(named)
            }
            (None, None) if !T::REQUIRED => T::read(&Json::Null).map_err(named),
            (None, None) => Err(format!("{:?} is missing", field.name)),
        }
    }
}

/// The names by which a field may be given.
fn names(field: &Field) -> Vec<&'static str> {
    match &field.schema {
        Schema::Object { fields, .. } if field.flat => fields.iter().flat_map(names).collect(),
        _ => vec![field.name],
    }
}

/// Checks the bounds among the keywords.
fn check(value: &Json, keywords: Keywords) -> Result<(), String> {
    for (keyword, bound) in keywords {
        let Ok(bound) = bound.parse::<f64>() else { continue };
        let kept = match (*keyword, value) {
            ("minimum", Json::Number(number)) => number.as_f64() >= Some(bound),
            ("exclusiveMinimum", Json::Number(number)) => number.as_f64() > Some(bound),
            ("maximum", Json::Number(number)) => number.as_f64() <= Some(bound),
            ("minLength", Json::String(text)) => text.chars().count() as f64 >= bound,
            ("maxLength", Json::String(text)) => text.chars().count() as f64 <= bound,
            ("minItems", Json::Array(items)) => items.len() as f64 >= bound,
            ("minProperties", Json::Object(object)) => object.len() as f64 >= bound,
            ("maxProperties", Json::Object(object)) => object.len() as f64 <= bound,
            _ => true,
        };
        if !kept {
            return Err(match *keyword {
                "minimum" => format!("must be at least {bound}"),
                "exclusiveMinimum" => format!("must be more than {bound}"),
                "maximum" => format!("must be at most {bound}"),
                "minLength" => format!("must have at least {bound} character(s)"),
                "maxLength" => format!("must have at most {bound} character(s)"),
                "minItems" => format!("must have at least {bound} item(s)"),
                "minProperties" => format!("must have at least {bound} of its properties"),
                _ => format!("must have at most {bound} of its properties"),
            });
        }
    }
    Ok(())
}

/// Says that a value is not what is wanted. It does not show the value, which may be
/// secret.
pub fn mismatch(wanted: &str, value: &Json) -> String {
    let given = match value {
        Json::Null => "nothing",
        Json::Bool(_) => "a boolean",
        Json::Number(number) if number.as_f64() < Some(0.0) => "a negative number",
        Json::Number(number) if number.is_f64() => "a fraction",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a mapping",
    };
    format!("must be {wanted}, not {given}")
}

macro_rules! property {
    ($($type:ty: $keywords:literal, $wanted:literal, $read:expr;)+) => {
        $(impl Property for $type {
            const SCHEMA: Schema = Schema::Keywords($keywords);

            fn read(value: &Json) -> Result<Self, String> {
                let read: fn(&Json) -> Option<Self> = $read;
                read(value).ok_or_else(|| mismatch($wanted, value))
            }
        })+
    };
}

property! {
    bool: r#""type":"boolean""#, "a boolean", Json::as_bool;
    u32: r#""type":"integer""#, "a whole number", |value| value.as_u64()?.try_into().ok();
    u64: r#""type":"integer""#, "a whole number", Json::as_u64;
    usize: r#""type":"integer""#, "a whole number", |value| value.as_u64()?.try_into().ok();
    f64: r#""type":"number""#, "a number", Json::as_f64;
    String: r#""type":"string""#, "text", |value| value.as_str().map(str::to_owned);
    PathBuf: r#""type":"string""#, "text", |value| value.as_str().map(PathBuf::from);
    Duration: r#""type":"number""#, "a number of seconds",
        |value| Duration::try_from_secs_f64(value.as_f64()?).ok();
}

impl<T: Property> Property for Option<T> {
    const SCHEMA: Schema = T::SCHEMA;
    const REQUIRED: bool = false;

    fn read(value: &Json) -> Result<Self, String> {
        match value {
            Json::Null => Ok(None),
            value => T::read(value).map(Some),
        }
    }
}

impl<T: Property> Property for Vec<T> {
    const SCHEMA: Schema = Schema::List(&T::SCHEMA);

    fn read(value: &Json) -> Result<Self, String> {
        let items = value.as_array().ok_or_else(|| mismatch("a list", value))?;
        let read = |(at, item)| T::read(item).map_err(|problem| format!("[{at}]: {problem}"));
        items.iter().enumerate().map(read).collect()
    }
}

/// A value, or a list of values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T: Property> Property for OneOrMany<T> {
    const SCHEMA: Schema = Schema::AnyOf(&[T::SCHEMA, Schema::List(&T::SCHEMA)]);

    fn read(value: &Json) -> Result<Self, String> {
        match value {
            Json::Array(_) => Vec::read(value).map(Self),
            one => Ok(Self(vec![T::read(one)?])),
        }
    }
}

impl<T: Property> Property for BTreeMap<String, T> {
    const SCHEMA: Schema = Schema::Map(&T::SCHEMA);

    fn read(value: &Json) -> Result<Self, String> {
        let object = value.as_object().ok_or_else(|| mismatch("a mapping", value))?;
        let read = |(name, value): (&String, &Json)| match T::read(value) {
            Ok(value) => Ok((name.clone(), value)),
            Err(problem) => Err(format!("{name}: {problem}")),
        };
        object.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    options! {
        #[derive(Debug, PartialEq)]
        struct Config {
            /// Where "it" is,
            /// as C:\
            #[schema(minLength: 2)]
            path: String,
            /// How often
            #[schema(minimum: 1, maximum: 9)]
            times: u32 = 3,
            wait: Duration = 0.5,
            mode: Mode = "slow",
            parts: Vec<Part> = [],
            names: BTreeMap<String, String> = {},
            #[schema(format: "bytes")]
            most: Option<u64>,
            tags: OneOrMany<String> = [],
            look: Look = ..,
            target: Option<Target>,
        }
    }

    options! {
        #[derive(Debug, PartialEq)]
        enum Target {
            /// Into a part
            Part(Part) = "part",
            /// Nowhere
            Nowhere(bool) = "nowhere",
        }
    }

    options! {
        #[derive(Debug, PartialEq)]
        enum Mode {
            Slow = "slow",
            Fast = "fast" | "quick",
        }
    }

    options! {
        #[derive(Debug, PartialEq)]
        struct Part[minProperties: 1] {
            #[schema(exclusiveMinimum: 0)]
            size: usize = 1,
        }
    }

    options! {
        #[derive(Debug, PartialEq)]
        struct Look {
            color: Option<String>,
            bold: bool = false,
        }
    }

    fn described(mut schema: Json, description: &str) -> Json {
        schema["description"] = description.into();
        schema
    }

    #[test]
    fn the_schema_says_what_the_struct_does() {
        let schema: Json = serde_json::from_str(Config::JSON_SCHEMA).unwrap();
        let size = json!({"type": "integer", "exclusiveMinimum": 0, "default": 1});
        let part = json!({"type": "object", "additionalProperties": false,
            "minProperties": 1, "properties": {"size": size}});
        let target = json!({"type": "object", "additionalProperties": false,
            "minProperties": 1, "maxProperties": 1, "properties": {
                "part": described(part.clone(), "Into a part"),
                "nowhere": {"type": "boolean", "description": "Nowhere"}}});
        assert_eq!(
            schema,
            json!({"type": "object", "required": ["path"], "additionalProperties": false,
            "properties": {
                "path": {"type": "string", "minLength": 2,
                    "description": "Where \"it\" is, as C:\\"},
                "times": {"type": "integer", "minimum": 1, "maximum": 9,
                    "description": "How often", "default": 3},
                "wait": {"type": "number", "default": 0.5},
                "mode": {"type": "string", "enum": ["slow", "fast", "quick"],
                    "default": "slow"},
                "parts": {"type": "array", "items": part, "default": []},
                "names": {"type": "object", "additionalProperties": {"type": "string"},
                    "default": {}},
                "most": {"type": "integer", "format": "bytes"},
                "tags": {"default": [], "anyOf":
                    [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
                "color": {"type": "string"},
                "bold": {"type": "boolean", "default": false},
                "target": target,
            }})
        );
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        let defaults = Config {
            path: "/a".to_owned(),
            times: 3,
            wait: Duration::from_millis(500),
            mode: Mode::Slow,
            parts: Vec::new(),
            names: BTreeMap::new(),
            most: None,
            tags: OneOrMany(Vec::new()),
            look: Look { color: None, bold: false },
            target: None,
        };
        assert_eq!(Config::read(&json!({"path": "/a"})), Ok(defaults));
        let given = Config::read(&json!({"path": "/a", "mode": "quick", "most": 7,
            "parts": [{"size": 5}], "names": {"k": "v"}, "wait": 2, "tags": "one",
            "bold": true, "target": {"part": {"size": 2}}}));
        let given = given.unwrap();
        assert_eq!((given.mode, given.most, given.wait.as_secs()), (Mode::Fast, Some(7), 2));
        assert_eq!((given.parts, &*given.names["k"]), (vec![Part { size: 5 }], "v"));
        assert_eq!(given.tags, OneOrMany(vec!["one".to_owned()]));
        assert_eq!(given.look, Look { color: None, bold: true });
        assert_eq!(given.target, Some(Target::Part(Part { size: 2 })));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (config, problem) in [
            (json!([]), "must be a mapping, not a list"),
            (json!({}), "\"path\" is missing"),
            (
                json!({"paht": ""}),
                "there is no \"paht\", only path, times, wait, mode, parts, \
                 names, most, tags, color, bold, target",
            ),
            (json!({"path": "a"}), "path: must have at least 2 character(s)"),
            (json!({"path": "/a", "times": 0}), "times: must be at least 1"),
            (json!({"path": "/a", "times": null}), "times: must be a whole number, not nothing"),
            (json!({"path": "/a", "times": 10}), "times: must be at most 9"),
            (json!({"path": "/a", "times": 1.5}), "times: must be a whole number, not a fraction"),
            (
                json!({"path": "/a", "wait": -1}),
                "wait: must be a number of seconds, not a negative number",
            ),
            (json!({"path": "/a", "mode": "idle"}), "mode: must be one of slow, fast, quick"),
            (
                json!({"path": "/a", "parts": [{"size": 1}, {}]}),
                "parts: [1]: must have at least 1 of its properties",
            ),
            (
                json!({"path": "/a", "parts": [{"size": 0}]}),
                "parts: [0]: size: must be more than 0",
            ),
            (json!({"path": "/a", "bold": 1}), "bold: must be a boolean, not a number"),
            (json!({"path": "/a", "tags": 1}), "tags: must be text, not a number"),
            (json!({"path": "/a", "tags": [1]}), "tags: [0]: must be text, not a number"),
            (
                json!({"path": "/a", "target": {"here": 1}}),
                "target: there is no \"here\", only part, nowhere",
            ),
            (
                json!({"path": "/a", "target": {"nowhere": 1}}),
                "target: nowhere: must be a boolean, not a number",
            ),
            (json!({"path": "/a", "target": {}}), "target: must have at least 1 of its properties"),
            (json!({"path": "/a", "names": {"k": 1}}), "names: k: must be text, not a number"),
        ] {
            assert_eq!(Config::read(&config), Err(problem.to_owned()), "{config}");
        }
    }
}
