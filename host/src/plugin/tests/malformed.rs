//! Bytes that are no plugin, whoever made them: loading says so in a sentence, and never
//! panics.

use std::sync::Arc;

use proptest::prelude::*;
use wasm_encoder::{
    CanonicalOption, CodeSection, Component, ComponentBuilder, ComponentExportKind,
    ComponentTypeSection, ComponentValType, Encode as _, ExportKind, ExportSection, Function,
    FunctionSection, Instruction, Module, PrimitiveValType, TypeSection, ValType,
};

use super::support::{ENGINE, guest, try_load};
use crate::plugin::load::load;
use crate::plugin::source::Source;
use crate::plugin::{LoadError, PluginSettings, Step};

/// Loads without the cache, which is not to be filled with rubbish.
fn outcome(bytes: Vec<u8>) -> Result<(), LoadError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let settings = Arc::new(PluginSettings::default());
    let source = Source {
        file: "rubbish.wasm".to_owned(),
        bytes,
    };
    let loading = load(&ENGINE, None, 1, "rubbish", source, settings);
    runtime.block_on(loading).map(drop)
}

/// What is wrong is said; a panic of the compiler would be told as its failure.
fn is_sentence(error: &LoadError) -> bool {
    let told = error.to_string();
    told.len() > 40 && !error.problem.is_empty() && !told.contains("the compiler failed")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2_000), layer in 0..3_u8) {
        let mut file = b"\0asm\x0d\0\x01\0".to_vec();
        file[6] = layer;
        file.extend(&bytes);
        for bytes in [bytes, file] {
            let error = outcome(bytes).expect_err("no plugin");
            prop_assert!(is_sentence(&error), "{error}");
        }
    }

    #[test]
    fn truncated_plugins_are_refused(kept in 0.0..1.0_f64) {
        let whole = guest("moderate");
        let kept = (whole.len() as f64 * kept) as usize;
        let error = outcome(whole[..kept].to_vec()).expect_err("a part");
        prop_assert!(is_sentence(&error), "{error}");
    }
}

proptest! {
    // Some of these are compiled, which takes time.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn damaged_plugins_are_refused_or_harmless(
        damage in proptest::collection::vec((0.0..1.0_f64, any::<u8>()), 1..8)
    ) {
        let mut bytes = guest("duplicate-handlers");
        for (place, byte) in damage {
            let place = (bytes.len() as f64 * place) as usize;
            bytes[place] = byte;
        }
        if let Err(error) = outcome(bytes) {
            prop_assert!(is_sentence(&error), "{error}");
        }
    }
}

/// A component whose types are each made of the one before.
fn chain(links: u32, link: fn(u32, &mut ComponentTypeSection)) -> Vec<u8> {
    let mut types = ComponentTypeSection::new();
    types.defined_type().primitive(PrimitiveValType::U8);
    for before in 0..links {
        link(before, &mut types);
    }
    let mut component = Component::new();
    component.section(&types);
    component.finish()
}

#[tokio::test]
async fn types_in_long_chains_are_refused() {
    let list = |before, types: &mut ComponentTypeSection| {
        types.defined_type().list(ComponentValType::Type(before));
    };
    let option = |before, types: &mut ComponentTypeSection| {
        types.defined_type().option(ComponentValType::Type(before));
    };
    let tuple = |before, types: &mut ComponentTypeSection| {
        let before = ComponentValType::Type(before);
        types.defined_type().tuple([before, before]);
    };
    let links: [fn(u32, &mut ComponentTypeSection); 3] = [list, option, tuple];
    for link in links {
        for length in [50, 500, 100_000] {
            // Inside of a plugin that loads, so that all of it is compiled.
            const COMPONENT: u8 = 4;
            let mut bytes = guest("moderate");
            bytes.push(COMPONENT);
            chain(length, link).encode(&mut bytes);
            match try_load("chain", bytes, PluginSettings::default()).await {
                Err(error) => assert!(is_sentence(&error), "{length}: {error}"),
                Ok(_) => assert_eq!(length, 50, "only a short one may be fine"),
            }
        }
    }
}

/// A component that exports a function lifted the asynchronous way, with a callback.
fn lifted_async() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    types.ty().function([ValType::I32; 3], [ValType::I32]);
    let mut functions = FunctionSection::new();
    let mut exports = ExportSection::new();
    let mut code = CodeSection::new();
    for (at, name) in [(0, "run"), (1, "callback")] {
        functions.function(at);
        exports.export(name, ExportKind::Func, at);
        let mut body = Function::new([]);
        body.instruction(&Instruction::I32Const(0));
        body.instruction(&Instruction::End);
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions);
    module.section(&exports).section(&code);

    let mut component = ComponentBuilder::default();
    let module = component.core_module(None, &module);
    let instance = component.core_instantiate(None, module, []);
    let run = component.core_alias_export(None, instance, "run", ExportKind::Func);
    let callback = component.core_alias_export(None, instance, "callback", ExportKind::Func);
    let (ty, mut function) = component.type_function(None);
    function
        .async_(true)
        .params::<_, ComponentValType>([])
        .result(None);
    let options = [CanonicalOption::Async, CanonicalOption::Callback(callback)];
    let lifted = component.lift_func(None, run, ty, options);
    component.export("run", ComponentExportKind::Func, lifted, None);
    component.finish()
}

#[tokio::test]
async fn a_function_lifted_the_asynchronous_way_is_refused() {
    let loaded = try_load("async", lifted_async(), PluginSettings::default()).await;
    let error = loaded.expect_err("refused");
    assert_eq!(error.step, Step::Exports, "{error}");
    for word in ["async", "wasm32-wasip2"] {
        assert!(error.problem.contains(word), "{error}");
    }
}
