//! The ways a guest can trap, as few words for metrics.

use wasmtime::Trap;

/// Why a guest trapped. Order of [`TrapKind::ALL`] is order of the discriminants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrapKind {
    /// `unreachable`: a panic or an abort, in most languages.
    Unreachable,
    MemoryOutOfBounds,
    TableOutOfBounds,
    StackOverflow,
    /// A function pointer that is null, or of another type than its caller thinks.
    IndirectCall,
    /// Division by zero, overflow, a number that has no integer.
    Arithmetic,
    Interrupt,
    /// A script threw.
    Threw,
    /// What is no trap of the guest's code, such as text that is not UTF-8 or an exit,
    /// and traps that no plugin can raise so far.
    Other,
}

impl TrapKind {
    pub const ALL: [Self; 9] = [
        Self::Unreachable,
        Self::MemoryOutOfBounds,
        Self::TableOutOfBounds,
        Self::StackOverflow,
        Self::IndirectCall,
        Self::Arithmetic,
        Self::Interrupt,
        Self::Threw,
        Self::Other,
    ];

    /// The name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::MemoryOutOfBounds => "memory_out_of_bounds",
            Self::TableOutOfBounds => "table_out_of_bounds",
            Self::StackOverflow => "stack_overflow",
            Self::IndirectCall => "indirect_call",
            Self::Arithmetic => "arithmetic",
            Self::Interrupt => "interrupt",
            Self::Threw => "threw",
            Self::Other => "other",
        }
    }

    /// The kind of a call's failure.
    pub fn of(error: &wasmtime::Error) -> Self {
        match error.downcast_ref::<Trap>() {
            Some(Trap::UnreachableCodeReached) => Self::Unreachable,
            Some(Trap::MemoryOutOfBounds) => Self::MemoryOutOfBounds,
            Some(Trap::TableOutOfBounds) => Self::TableOutOfBounds,
            Some(Trap::StackOverflow) => Self::StackOverflow,
            Some(Trap::IndirectCallToNull | Trap::BadSignature) => Self::IndirectCall,
            Some(
                Trap::IntegerOverflow | Trap::IntegerDivisionByZero | Trap::BadConversionToInteger,
            ) => Self::Arithmetic,
            Some(Trap::Interrupt) => Self::Interrupt,
            _ => Self::Other,
        }
    }
}
