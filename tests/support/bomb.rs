//! Components that are small to send and endless to compile.

use wasm_encoder::{
    BlockType, CodeSection, Encode as _, Function, FunctionSection, Instruction, Module,
    TypeSection, ValType,
};

use super::guests;

/// The guest `versioned-b`, and in it a module that takes minutes to compile, but little
/// memory: a loop of many small blocks.
pub fn of_time() -> Vec<u8> {
    with_module(&tangle(20, 100_000))
}

/// The same with a module that takes hundreds of megabytes: in a loop of many blocks many
/// variables are alive.
pub fn of_memory() -> Vec<u8> {
    with_module(&tangle(2_000, 20_000))
}

/// The guest's bytes, changed so that no cache knows them.
pub fn uncached(package: &str) -> Vec<u8> {
    let mut bytes = guests::bytes(package);
    let mut custom = Vec::new();
    "unique".encode(&mut custom);
    custom.extend(uuid::Uuid::new_v4().as_bytes());
    section(&mut bytes, 0, &custom);
    bytes
}

/// Nothing instantiates the module; it is compiled like all others.
fn with_module(module: &[u8]) -> Vec<u8> {
    const CORE_MODULE: u8 = 1;
    let mut bytes = uncached("versioned-b");
    section(&mut bytes, CORE_MODULE, module);
    bytes
}

fn section(component: &mut Vec<u8>, id: u8, data: &[u8]) {
    component.push(id);
    data.encode(component);
}

/// A module of one function, so that more processors are of no help: a loop of `blocks`
/// that add, and jump, on `locals` in an order of their own.
fn tangle(locals: u32, blocks: u32) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I64]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let local = |at: u32| 1 + at % locals;
    let mut body = Function::new([(locals, ValType::I64)]);
    let jump = [Instruction::LocalGet(0), Instruction::BrIf(0)];
    let mut write = |instructions: &[Instruction<'_>]| {
        for instruction in instructions {
            body.instruction(instruction);
        }
    };
    write(&[Instruction::Loop(BlockType::Empty)]);
    for at in 0..blocks {
        write(&[Instruction::Block(BlockType::Empty)]);
        write(&jump);
        write(&[
            Instruction::LocalGet(local(at * 7)),
            Instruction::LocalGet(local(at * 13)),
            Instruction::I64Add,
            Instruction::LocalSet(local(at * 29)),
            Instruction::End,
        ]);
    }
    write(&jump);
    write(&[Instruction::End, Instruction::LocalGet(1)]);
    for at in 1..locals {
        write(&[Instruction::LocalGet(1 + at), Instruction::I64Add]);
    }
    write(&[Instruction::End]);
    let mut code = CodeSection::new();
    code.function(&body);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    module.finish()
}
