// Declares the parts of which a table of kernels is made, inside the namespace of one instruction
// set: included once for each NW_ISA, so it has no include guard.

namespace nw::cpu::NW_ISA {

void add_elementwise(IsaKernels& table);
void add_reductions(IsaKernels& table);
void add_gemm(IsaKernels& table);
void add_softmax(IsaKernels& table);
void add_pooling(IsaKernels& table);
void add_optimizers(IsaKernels& table);
void add_convolution(IsaKernels& table);
void add_activation(IsaKernels& table);
void add_norm(IsaKernels& table);
void add_recurrent(IsaKernels& table);

inline void add_all(IsaKernels& table) {
  add_elementwise(table);
  add_reductions(table);
  add_gemm(table);
  add_softmax(table);
  add_pooling(table);
  add_optimizers(table);
  add_convolution(table);
  add_activation(table);
  add_norm(table);
  add_recurrent(table);
}

}  // namespace nw::cpu::NW_ISA
