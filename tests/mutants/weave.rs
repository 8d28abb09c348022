//! Weaves mutants into the source, so that one build has all of them: each is behind a number that the environment chooses when a
//! test runs. What is a mutant is said by `cargo mutants --list --json`; here it only gets another form. `tests/mutants/run`
//! compiles what this writes.
//!
//! `weave TREE < LIST > PLACES` changes the files of a tree. PLACES has lines of a file, where something begins and ends there, in
//! octets, and the numbers of the mutants it belongs to: `text`, what was put there, or `whole`, the expression it was put around.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt::Write as _,
    fs,
    io::{Read, Write as _},
    ops::Range,
    path::Path,
};

use proc_macro2::Span;
use serde_json::Value;
use syn::{
    BinOp, ExprBinary, ExprStruct, ExprUnary, Member,
    spanned::Spanned,
    visit::{self, Visit},
};

/// What the tests ask: whether this is the mutant that is alive; and which were asked for, where somebody wants to know.
const ASKED: &str = r#"
#[doc(hidden)]
pub mod mutation {
    use std::{env, fs::{File, OpenOptions}, io::Write as _, sync::{LazyLock, Mutex}};

    static ALIVE: LazyLock<u32> = LazyLock::new(|| env::var("MUTANT").ok().and_then(|number| number.parse().ok()).unwrap_or(0));
    static REACHED: LazyLock<Option<Mutex<(Vec<bool>, File)>>> = LazyLock::new(|| {
        let file = OpenOptions::new().create(true).append(true).open(env::var_os("MUTANTS_REACHED")?).ok()?;
        Some(Mutex::new((vec![false; 100_000], file)))
    });

    pub fn is(number: u32) -> bool {
        if let Some(reached) = &*REACHED && let Ok(mut reached) = reached.lock() {
            let (seen, file) = &mut *reached;
            if let Some(seen) = seen.get_mut(number as usize) && !*seen {
                *seen = true;
                let _ = writeln!(file, "{number}");
            }
        }
        *ALIVE == number
    }
}
"#;

/// A mutant of one file: its place in the list, from 1.
struct Mutant {
    number: usize,
    genre: String,
    /// Line and column of where it begins, both from 1; and of where it ends.
    begin: (usize, usize),
    replacement: String,
}

/// A text in place of some octets, or of none. `depth` puts those that begin at the same place in order.
struct Edit {
    octets: Range<usize>,
    depth: isize,
    text: String,
    of: Vec<usize>,
}

/// What an error of the compiler is held against.
struct Place {
    kind: &'static str,
    octets: Range<usize>,
    of: Vec<usize>,
}

struct Weaver<'a> {
    source: &'a str,
    lines: Vec<usize>,
    mutants: BTreeMap<(usize, usize), Vec<&'a Mutant>>,
    edits: Vec<Edit>,
    /// Which octets of the original belong to which mutants.
    wholes: Vec<(Vec<usize>, Range<usize>)>,
    /// Whose edits are made now.
    of: Vec<usize>,
    depth: isize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let tree = std::env::args_os().nth(1).ok_or("usage: weave TREE < LIST > PLACES")?;
    let mut list = String::new();
    std::io::stdin().read_to_string(&mut list)?;
    let mut files: BTreeMap<String, Vec<Mutant>> = BTreeMap::new();
    for (place, mutant) in serde_json::from_str::<Vec<Value>>(&list)?.iter().enumerate() {
        // An `impl` has one type, and the mutant another.
        let returned = mutant["function"]["return_type"].as_str().unwrap_or_default();
        if mutant["skip"] == true || mutant["genre"] == "FnValue" && returned.contains("impl ") {
            continue;
        }
        let at = |key: &str| {
            usize::try_from(mutant["span"]["start"][key].as_u64().unwrap_or_default()).unwrap_or(0)
        };
        let text = |key: &str| mutant[key].as_str().unwrap_or_default().to_owned();
        files.entry(text("file")).or_default().push(Mutant {
            number: place + 1,
            genre: text("genre"),
            begin: (at("line"), at("column")),
            replacement: text("replacement"),
        });
    }
    let mut out = std::io::stdout().lock();
    for (file, mutants) in &files {
        let path = Path::new(&tree).join(file);
        let source = fs::read_to_string(&path)?;
        let (text, places) = Weaver::woven(&source, mutants)?;
        fs::write(&path, text)?;
        for Place { kind, octets, of } in places {
            let of: Vec<String> = of.iter().map(usize::to_string).collect();
            writeln!(out, "{kind}\t{file}\t{}\t{}\t{}", octets.start, octets.end, of.join(","))?;
        }
    }
    let lib = Path::new(&tree).join("src/lib.rs");
    let text = fs::read_to_string(&lib)?;
    fs::write(&lib, text + ASKED)?;
    Ok(())
}

impl<'a> Weaver<'a> {
    fn woven(source: &'a str, mutants: &'a [Mutant]) -> syn::Result<(String, Vec<Place>)> {
        let lines = std::iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut by_place: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for mutant in mutants {
            by_place.entry(mutant.begin).or_default().push(mutant);
        }
        let mut weaver = Self {
            source,
            lines,
            mutants: by_place,
            edits: Vec::new(),
            wholes: Vec::new(),
            of: Vec::new(),
            depth: 0,
        };
        weaver.visit_file(&syn::parse_file(source)?);
        Ok(weaver.text())
    }

    /// The mutants that begin where this does.
    fn at(&self, span: Span, genre: &str) -> Vec<&'a Mutant> {
        let begin = span.start();
        let here = self.mutants.get(&(begin.line, begin.column + 1));
        here.into_iter().flatten().copied().filter(|mutant| mutant.genre == genre).collect()
    }

    fn octets(&self, span: Span) -> Range<usize> {
        let of = |place: proc_macro2::LineColumn| {
            let line = self.lines[place.line - 1];
            let rest = &self.source[line..];
            line + rest.char_indices().nth(place.column).map_or(rest.len(), |(at, _)| at)
        };
        of(span.start())..of(span.end())
    }

    fn before(&mut self, at: usize, text: impl Into<String>) {
        self.instead(at..at, text);
    }

    /// What ends here stands before what begins here; the innermost first.
    fn after(&mut self, at: usize, text: impl Into<String>) {
        let depth = -1_000_000 - self.depth;
        self.edits.push(Edit { octets: at..at, depth, text: text.into(), of: self.of.clone() });
    }

    fn instead(&mut self, octets: Range<usize>, text: impl Into<String>) {
        self.edits.push(Edit { octets, depth: self.depth, text: text.into(), of: self.of.clone() });
    }

    fn belongs(&mut self, mutants: &[&Mutant], octets: &Range<usize>) {
        self.of = mutants.iter().map(|mutant| mutant.number).collect();
        self.wholes.push((self.of.clone(), octets.clone()));
    }

    /// `if is(1) { .. } else if is(2) { .. } else { .. }`
    fn choice(mutants: &[&Mutant], form: impl Fn(&str) -> String, original: &str) -> String {
        let mut text = String::new();
        for mutant in mutants {
            let _ = write!(text, "if {} {{ {} }} else ", is(mutant), form(&mutant.replacement));
        }
        text + &format!("{{ {} }}", form(original))
    }

    fn body(&mut self, block: &syn::Block) {
        let Some(first) = block.stmts.first() else { return };
        let mutants = self.at(first.span(), "FnValue");
        if mutants.is_empty() {
            return;
        }
        let text: String = mutants
            .iter()
            .map(|mutant| format!("if {} {{ return {}; }} ", is(mutant), mutant.replacement))
            .collect();
        let octets = self.octets(first.span());
        self.belongs(&mutants, &(octets.start..octets.start));
        self.before(octets.start, text);
    }

    fn text(mut self) -> (String, Vec<Place>) {
        self.edits
            .sort_by_key(|edit| (edit.octets.start, edit.depth >= 0 && !edit.octets.is_empty(), edit.depth));
        let (mut text, mut from, mut places) = (String::new(), 0, Vec::new());
        // Where octets of the original are now: before what was put there, and behind it.
        let mut moved: Vec<(usize, usize, usize)> = Vec::new();
        for edit in &self.edits {
            assert!(edit.octets.start >= from, "two in one place: {:?} {}", edit.octets, edit.text);
            text += &self.source[from..edit.octets.start];
            let begin = text.len();
            text += &edit.text;
            moved.push((edit.octets.start, begin, text.len()));
            places.push(Place { kind: "text", octets: begin..text.len(), of: edit.of.clone() });
            from = edit.octets.end;
        }
        text += &self.source[from..];
        let place = |at: usize, end: bool| {
            let known = moved.partition_point(|(of, _, _)| if end { *of <= at } else { *of < at });
            match (moved.get(known), known.checked_sub(1).and_then(|last| moved.get(last))) {
                (Some((of, begin, _)), _) if *of == at && !end => *begin,
                (_, Some((of, _, behind))) => behind + at.saturating_sub(*of),
                (_, None) => at,
            }
        };
        places.extend(self.wholes.iter().map(|(of, octets)| Place {
            kind: "whole",
            octets: place(octets.start, false)..place(octets.end, true),
            of: of.clone(),
        }));
        (text, places)
    }
}

fn is(mutant: &Mutant) -> String {
    format!("crate::mutation::is({})", mutant.number)
}

impl<'ast> Visit<'ast> for Weaver<'_> {
    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        self.body(&node.block);
        visit::visit_item_fn(self, node);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        self.body(&node.block);
        visit::visit_impl_item_fn(self, node);
    }

    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        if let Some(block) = &node.default {
            self.body(block);
        }
        visit::visit_trait_item_fn(self, node);
    }

    fn visit_expr_binary(&mut self, node: &'ast ExprBinary) {
        self.depth += 1;
        let mutants = self.at(node.op.span(), "BinaryOperator");
        // A chain with `let` has no other form; nor would the mutant compile.
        if !mutants.is_empty() && !has_let(&node.left) && !has_let(&node.right) {
            let (whole, op) = (self.octets(node.span()), self.octets(node.op.span()));
            self.belongs(&mutants, &whole);
            let original = self.source[op.clone()].to_owned();
            match node.op {
                BinOp::And(_) | BinOp::Or(_) => {
                    let compared = if matches!(node.op, BinOp::And(_)) { "!=" } else { "==" };
                    self.before(whole.start, "({ let __x: bool = ");
                    self.instead(op, format!("; if __x {compared} {} {{", is(mutants[0])));
                    self.after(whole.end, "} else { __x } })");
                }
                BinOp::Eq(_) | BinOp::Ne(_) => {
                    self.before(whole.start, "((");
                    self.after(whole.end, format!(") ^ {})", is(mutants[0])));
                }
                BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_) => {
                    let text = Self::choice(&mutants, |op| format!("__x {op} __y"), &original);
                    self.before(whole.start, "(match (&(");
                    self.instead(op, "), &(");
                    self.after(whole.end, format!(")) {{ (__x, __y) => {text} }})"));
                }
                _ if original.ends_with('=') => {
                    let left = self.source[self.octets(node.left.span())].to_owned();
                    let text = Self::choice(&mutants, |op| format!("{left} {op} __y;"), &original);
                    self.instead(whole.start..op.end, "{ let __y = ");
                    self.after(whole.end, format!("; {text} }}"));
                    self.visit_expr(&node.right);
                    self.depth -= 1;
                    return;
                }
                _ => {
                    let text = Self::choice(&mutants, |op| format!("__x {op} __y"), &original);
                    self.before(whole.start, "(match ((");
                    self.instead(op, "), (");
                    self.after(whole.end, format!(")) {{ (__x, __y) => {text} }})"));
                }
            }
        }
        visit::visit_expr_binary(self, node);
        self.depth -= 1;
    }

    fn visit_expr_unary(&mut self, node: &'ast ExprUnary) {
        self.depth += 1;
        let mutants = self.at(node.op.span(), "UnaryOperator");
        if let [mutant] = mutants[..] {
            let (whole, op) = (self.octets(node.span()), self.octets(node.op.span()));
            self.belongs(&mutants, &whole);
            let original = self.source[op.clone()].to_owned();
            self.instead(op, "(match (");
            self.after(
                whole.end,
                format!(") {{ __v => if {} {{ __v }} else {{ {original}__v }} }})", is(mutant)),
            );
        }
        visit::visit_expr_unary(self, node);
        self.depth -= 1;
    }

    fn visit_arm(&mut self, node: &'ast syn::Arm) {
        self.depth += 1;
        let deleted = self.at(node.span(), "MatchArm");
        let lives = deleted.first().map(|mutant| format!("!{}", is(mutant)));
        if let syn::Pat::Guard(syn::PatGuard { guard, .. }) = &node.pat {
            let mutants = self.at(guard.span(), "MatchArmGuard");
            let octets = self.octets(guard.span());
            let all: Vec<&Mutant> = deleted.iter().chain(&mutants).copied().collect();
            if all.is_empty() {
                visit::visit_arm(self, node);
                self.depth -= 1;
                return;
            }
            self.belongs(&all, &octets);
            let (mut begin, mut end) = (String::new(), String::new());
            if let Some(lives) = lives {
                begin += &format!("{lives} && (");
                end += ")";
            }
            for mutant in mutants {
                begin += &match mutant.replacement.as_str() {
                    "true" => format!("{} || (", is(mutant)),
                    _ => format!("!{} && (", is(mutant)),
                };
                end += ")";
            }
            self.before(octets.start, begin);
            self.after(octets.end, end);
        } else if let Some(lives) = lives {
            let end = self.octets(node.pat.span()).end;
            self.belongs(&deleted, &(end..end));
            self.after(end, format!(" if {lives} "));
        }
        visit::visit_arm(self, node);
        self.depth -= 1;
    }

    fn visit_expr_struct(&mut self, node: &'ast ExprStruct) {
        self.depth += 1;
        let fields: Vec<Vec<&Mutant>> =
            node.fields.iter().map(|field| self.at(field.span(), "StructField")).collect();
        if let Some(rest) = &node.rest
            && fields.iter().any(|mutants| !mutants.is_empty())
        {
            let whole = self.octets(node.span());
            let path = self.source[self.octets(node.path.span())].to_owned();
            let mut from = whole.start;
            let mut built = String::new();
            let all: Vec<&Mutant> = fields.iter().flatten().copied().collect();
            self.belongs(&all, &whole);
            for (at, (field, mutants)) in node.fields.iter().zip(&fields).enumerate() {
                let Member::Named(name) = &field.member else { return };
                let value = self.octets(field.expr.span());
                let begin = if at == 0 { "({ " } else { "; " };
                self.instead(from..value.start, format!("{begin}let __f_{name} = "));
                from = value.end;
                built += &match mutants[..] {
                    [mutant] => format!("{name}: if {} {{ __b.{name} }} else {{ __f_{name} }}, ", is(mutant)),
                    _ => format!("{name}: __f_{name}, "),
                };
            }
            let base = self.octets(rest.span());
            self.instead(from..base.start, "; let __b = ");
            self.instead(base.end..whole.end, format!("; {path} {{ {built}..__b }} }})"));
        }
        visit::visit_expr_struct(self, node);
        self.depth -= 1;
    }
}

fn has_let(expr: &syn::Expr) -> bool {
    match expr {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => {
            has_let(&binary.left) || has_let(&binary.right)
        }
        _ => false,
    }
}
