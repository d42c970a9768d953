#include "core/backend/cpu/isa_kernels.h"

#include <array>
#include <cstdlib>

#define NW_ISA v2
#include "core/backend/cpu/isa_parts.h"
#undef NW_ISA
#define NW_ISA v3
#include "core/backend/cpu/isa_parts.h"
#undef NW_ISA
#define NW_ISA v4
#include "core/backend/cpu/isa_parts.h"
#undef NW_ISA

namespace nw::cpu {
namespace {

constexpr size_t kTables = 3;

struct Tables {
  std::array<IsaKernels, kTables> items{};
  size_t runnable = 1;
};

Tables make_tables() {
  Tables tables;
  v2::add_all(tables.items[0]);
  v3::add_all(tables.items[1]);
  v4::add_all(tables.items[2]);
  tables.items[0].name = "x86-64-v2";
  tables.items[1].name = "x86-64-v3";
  tables.items[2].name = "x86-64-v4";
  if (__builtin_cpu_supports("x86-64-v3") != 0) tables.runnable = 2;
  if (__builtin_cpu_supports("x86-64-v4") != 0) tables.runnable = 3;
  return tables;
}

const IsaKernels& choose() {
  const std::span<const IsaKernels> tables = runnable_isa_kernels();
  if (const char* wish = std::getenv("NW_ISA")) {
    for (const IsaKernels& table : tables) {
      if (table.name.ends_with(wish)) return table;
    }
  }
  return tables.back();
}

}  // namespace

std::span<const IsaKernels> runnable_isa_kernels() {
  static const Tables tables = make_tables();
  return std::span(tables.items).first(tables.runnable);
}

const IsaKernels& isa_kernels() {
  static const IsaKernels& chosen = choose();
  return chosen;
}

}  // namespace nw::cpu
