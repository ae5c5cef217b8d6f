// Elementary functions in double, built from IEEE +, -, *, / and integer steps only: the same bits on every machine
// and compiler, which libm does not promise. For tables and scalars; kernels have their own float versions.
// Errors are below 2 ulp of double in the stated domains.
#pragma once

namespace hearth {

double det_exp(double x);            // any x
double det_log(double x);            // x > 0
double det_pow(double x, double y);  // x > 0
struct SinCos {
    double sin, cos;
};
SinCos det_sincos(double x);         // |x| < 2^30

}  // namespace hearth
