//! The memory of instances that have served calls and wait for the next one.

use anyhow::{Result, ensure};

use super::hosted::{self, Guest, Hosted};
use crate::goals::{Goal, Table};
use crate::proc_stat;

/// After these an instance has all the memory that such calls make it take.
const CALLS_EACH: u32 = 3;
const KIB_PER_GIB: f64 = 1024.0 * 1024.0;

/// What all the instances took together.
pub struct Memory {
    instances: u32,
    /// Memory of this process.
    pss_kib: u64,
    /// Page tables, which are the kernel's.
    tables_kib: u64,
}

/// Makes instances one after the other; each serves its calls before the next one is made.
pub async fn measure(host: &Hosted, message: &str, instances: u32) -> Result<Memory> {
    let generation = host.generation(Guest::Rust, false)?;
    let others = generation.idle();
    let (pss, tables) = (proc_stat::own_pss_kib()?, proc_stat::own_page_tables_kib()?);
    for _ in 0..instances {
        generation.add_instance().await?;
        for _ in 0..CALLS_EACH {
            hosted::call(&generation, host.context(), message).await?;
        }
    }
    let alive = generation.idle() - others;
    ensure!(
        alive == instances as usize,
        "of {instances} instances {alive} were left"
    );
    Ok(Memory {
        instances,
        pss_kib: proc_stat::own_pss_kib()?.saturating_sub(pss),
        tables_kib: proc_stat::own_page_tables_kib()?.saturating_sub(tables),
    })
}

impl Memory {
    pub fn write(&self, table: &mut Table) {
        table.heading(format!(
            "{} warm instances in Rust, {CALLS_EACH} calls each",
            self.instances
        ));
        let each = |kib: u64| kib as f64 / f64::from(self.instances);
        let (pss, tables) = (each(self.pss_kib), each(self.tables_kib));
        table.figure("memory each (PSS)", pss, "KiB");
        table.figure("page tables each", tables, "KiB");
        let name = "instances per GiB";
        table.goal(name, KIB_PER_GIB / pss, "", Goal::AtLeast(20_000.0));
        let name = "instances per GiB, page tables counted";
        table.figure(name, KIB_PER_GIB / (pss + tables), "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_per_gib_follow_from_the_memory_of_all() {
        for (pss_kib, mark) in [(50_000, "  met"), (60_000, "NOT met")] {
            let memory = Memory {
                instances: 1_000,
                pss_kib,
                tables_kib: 10_000,
            };
            let mut table = Table::default();
            memory.write(&mut table);
            let text = table.to_string();
            let goal = text.lines().find(|line| line.ends_with(mark));
            assert!(goal.is_some_and(|line| line.contains("per GiB ")), "{text}");
        }
    }
}
