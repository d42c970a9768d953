/// What a program that asks for NVIDIA's driver finds beside a simulated GPU.
extern "C" int cuDriverGetVersion(int* version) {
  *version = 13000;
  return 0;
}
