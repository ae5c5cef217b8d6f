// Constants of exp and tanh, shared by the scalar functions and the vector ones. Included inside an unnamed namespace.
//
// exp(x): x = n ln 2 + r with n = round_even(x log2 e) and |r| <= 0.3468, ln 2 in two parts so that r is good to a
// float; exp(r) = 1 + (r + r^2 q(r)), q of degree 4. Minimax (Remez) for the relative error, 2^-28.0 after the
// coefficients were rounded to float.
constexpr float kLog2E = 0x1.715476p+0f;
constexpr float kLn2Hi = 0x1.62e430p-1f, kLn2Lo = -0x1.05c610p-29f;
constexpr float kExp[5] = {0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558f2p-5f, 0x1.123a20p-7f, 0x1.6a23cap-10f};
// Adding it to |t| < 2^21 leaves round_even(t) in the low bits of the sum.
constexpr float kRoundMagic = 0x1.8p23f;
// From the first on the result rounds to infinity; below the second it would be subnormal and is 0 instead: softmax
// meets those all the time, and subnormal operands cost a hundred cycles each on some CPUs.
constexpr float kExpOverflow = 0x1.62e43p6f, kExpMin = -0x1.5d589ep6f;
constexpr float kInfinity = __builtin_inff();

// tanh(x) = x + x z p(z), z = x^2, below kTanhSmall: minimax for the relative error, 2^-27.7 as rounded.
// From there on 1 - 2 / (exp(2x) + 1).
constexpr float kTanhSmall = 0.55f;
constexpr float kTanh[5] = {-0x1.55554cp-2f, 0x1.110d5ap-3f, -0x1.b92718p-5f, 0x1.58fa72p-6f, -0x1.98de76p-8f};

// log1p(u) = 2 atanh(s) = 2s + s z p(z), s = u / (2 + u), z = s^2 <= 1/9 for u in 0 to 1: minimax for the error relative
// to the result, 2^-30.7 as rounded.
constexpr float kLog1p[5] = {0x1.555558p-1f, 0x1.9996b0p-2f, 0x1.2508b0p-2f, 0x1.b6e6cep-3f, 0x1.f1733cp-3f};

// -2 sqrt(2 / pi) and that times 0.044715: gelu's argument of exp.
constexpr float kGeluLinear = -0x1.988454p+0f, kGeluCubic = -0x1.2444f2p-4f;
// Phi(-a) = exp(-a^2 / 2) t q(t), t = 1 / (1 + kPhiScale a), for a >= 0: the form of Hastings ("Approximations for Digital
// Computers", 1955), q of degree 8, minimax for the relative error where exp is not 0, 2^-25.2.
constexpr float kPhiScale = 0.26f;
constexpr float kPhi[9] = {0x1.a8ff42p-4f, 0x1.a5f4e6p-4f, 0x1.a60304p-4f, 0x1.a20522p-5f, 0x1.499ed0p-3f,
                           -0x1.352460p-3f, 0x1.0186c2p-2f, -0x1.38fe22p-3f, 0x1.f3ca6cp-6f};

// silu and gelu take their numerator from here up, so that -infinity gives -0 and no NaN.
constexpr float kLowest = -0x1.fffffep127f, kHighest = 0x1.fffffep127f;
