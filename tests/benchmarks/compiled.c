/* What compiled.py compares with: values and gradients written out by hand.

   cc -O3 -march=native [-ffast-math -fopenmp-simd] -shared -fPIC compiled.c -lm

   The vectors of mlp() are written out; the loops of the others are left to the compiler, which with
   -ffast-math calls libmvec's exp, log and erfc where the C library has them. Each function does its
   work `times` times in a row, so that a call from Python is not what is measured. */

#include <math.h>
#include <string.h>

#define AGAIN for (long again_ = 0; again_ < times; again_++, ({ asm volatile("" ::: "memory"); }))

double rosenbrock(long times, long n, const double *restrict x, double *restrict g)
{
    double sum = 0.0;
    AGAIN {
        double first = x[1] - x[0] * x[0], last = x[n - 1] - x[n - 2] * x[n - 2];
        sum = 100.0 * first * first + (1.0 - x[0]) * (1.0 - x[0]);
        g[0] = -400.0 * x[0] * first - 2.0 * (1.0 - x[0]);
        for (long i = 1; i < n - 1; i++) {
            double t = x[i + 1] - x[i] * x[i], before = x[i] - x[i - 1] * x[i - 1], u = 1.0 - x[i];
            sum += 100.0 * t * t + u * u;
            g[i] = 200.0 * before - 400.0 * x[i] * t - 2.0 * u;
        }
        g[n - 1] = 200.0 * last;
    }
    return sum;
}

/* The call and its derivatives by S, K, r, sigma, T: rows 0 to 5 of out, which do not overlap. */
static __attribute__((noinline)) void
greeks(long n, const double *restrict S, const double *restrict K, const double *restrict r,
       const double *restrict sigma, const double *restrict T, double *restrict out)
{
#pragma GCC ivdep
    for (long i = 0; i < n; i++) {
        double root = sqrt(T[i]), spread = sigma[i] * root;
        double d1 = (log(S[i] / K[i]) + (r[i] + 0.5 * sigma[i] * sigma[i]) * T[i]) / spread;
        double d2 = d1 - spread, discount = exp(-r[i] * T[i]);
        double n1 = 0.5 * erfc(-M_SQRT1_2 * d1), n2 = 0.5 * erfc(-M_SQRT1_2 * d2) * discount;
        double density = 0.39894228040143267794 * exp(-0.5 * d1 * d1) * S[i];
        out[i] = S[i] * n1 - K[i] * n2;
        out[n + i] = n1;
        out[2 * n + i] = -n2;
        out[3 * n + i] = T[i] * K[i] * n2;
        out[4 * n + i] = density * root;
        out[5 * n + i] = 0.5 * density * sigma[i] / root + r[i] * K[i] * n2;
    }
}

void options(long times, long n, const double *S, const double *K, const double *r,
             const double *sigma, const double *T, double *out)
{
    AGAIN greeks(n, S, K, r, sigma, T, out);
}

/* The net 2-16-16-1: a neuron's weights and then its bias, 337 numbers; rows in vectors of 8. */

#define GROUPS 2 /* vectors at once, so that a weight's gradient is read and written half as often */
#define WIDE 16
#define EACH for (int k = 0; k < GROUPS; k++)
#define UNITS(j) _Pragma("GCC unroll 16") for (int j = 0; j < WIDE; j++)

typedef double v8 __attribute__((vector_size(64)));
typedef long i8 __attribute__((vector_size(64)));

/* (1 - t) / (1 + t) with t = exp(-2 |x|): right to 1e-16, not to the last place where x is tiny. */
static inline v8 tanh8(v8 x)
{
    const double shift = 6755399441055744.0; /* 1.5 * 2^52: adding it rounds to whole numbers */
    i8 sign = (i8)x & (long)0x8000000000000000;
    v8 z = (v8)((i8)x ^ sign);
    i8 small = z < 20.0;
    z = -2.0 * (v8)(((i8)z & small) | ((i8)((v8){} + 20.0) & ~small));
    v8 k = z * 1.4426950408889634 + shift;
    i8 power = (i8)k << 52;
    k -= shift;
    v8 r = z - k * 0.6931471805599453 - k * 2.3190468138462996e-17;
    v8 r2 = r * r, r4 = r2 * r2; /* the series of exp to the 12th term, four short chains */
    v8 a = (1.0 + r) + r2 * (1.0 / 2 + r * (1.0 / 6));
    v8 b = (1.0 / 24 + r * (1.0 / 120)) + r2 * (1.0 / 720 + r * (1.0 / 5040));
    v8 c = (1.0 / 40320 + r * (1.0 / 362880)) + r2 * (1.0 / 3628800 + r * (1.0 / 39916800));
    v8 t = a + r4 * (b + r4 * (c + r4 * (1.0 / 479001600)));
    t = (v8)((i8)t + power);
    return (v8)((i8)((1.0 - t) / (1.0 + t)) | sign);
}

static double total(v8 x)
{
    return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

/* The sum of the squared errors of n rows, a multiple of 16, and its gradient by p. */
double mlp(long times, long n, const double *restrict p, const double *restrict X,
           const double *restrict y, double *restrict gradient)
{
    const double *p1 = p, *p2 = p + 3 * WIDE, *p3 = p2 + (WIDE + 1) * WIDE;
    double sum = 0.0;
    AGAIN {
        v8 g1[WIDE][3], g2[WIDE][WIDE + 1], g3[WIDE + 1], loss = {};
        memset(g1, 0, sizeof g1), memset(g2, 0, sizeof g2), memset(g3, 0, sizeof g3);
        for (long row = 0; row < n; row += 8 * GROUPS) {
            v8 x0[GROUPS], x1[GROUPS], h[WIDE][GROUPS], d[WIDE][GROUPS], e[GROUPS], s[WIDE][GROUPS];
            EACH for (int l = 0; l < 8; l++) {
                x0[k][l] = X[2 * (row + 8 * k + l)];
                x1[k][l] = X[2 * (row + 8 * k + l) + 1];
            }
            for (int j = 0; j < WIDE; j++)
                EACH h[j][k] = tanh8(p1[3 * j + 2] + p1[3 * j] * x0[k] + p1[3 * j + 1] * x1[k]);
            for (int j = 0; j < WIDE; j += 4) {
                v8 z[4][GROUPS];
                for (int m = 0; m < 4; m++)
                    EACH z[m][k] = (v8){} + p2[(WIDE + 1) * (j + m) + WIDE];
                UNITS(i) for (int m = 0; m < 4; m++)
                    EACH z[m][k] += p2[(WIDE + 1) * (j + m) + i] * h[i][k];
                for (int m = 0; m < 4; m++)
                    EACH d[j + m][k] = tanh8(z[m][k]);
            }
            EACH {
                memcpy(&e[k], y + row + 8 * k, sizeof(v8));
                v8 z = p3[WIDE] - e[k];
                UNITS(j) z += p3[j] * d[j][k];
                loss += z * z;
                e[k] = 2.0 * z;
                g3[WIDE] += e[k];
            }
            for (int j = 0; j < WIDE; j++) { /* from here on d is the slope by a unit's z */
                v8 z = g3[j];
                EACH z += e[k] * d[j][k];
                g3[j] = z;
                EACH d[j][k] = e[k] * p3[j] * (1.0 - d[j][k] * d[j][k]);
            }
            for (int i = 0; i < WIDE; i += 4) {
                v8 z[4][GROUPS] = {};
                UNITS(j) for (int m = 0; m < 4; m++)
                    EACH z[m][k] += p2[(WIDE + 1) * j + i + m] * d[j][k];
                for (int m = 0; m < 4; m++)
                    EACH s[i + m][k] = z[m][k] * (1.0 - h[i + m][k] * h[i + m][k]);
            }
            for (int j = 0; j < WIDE; j++) {
                v8 slope[GROUPS], bias = g2[j][WIDE];
                EACH slope[k] = d[j][k], bias += slope[k];
                g2[j][WIDE] = bias;
                UNITS(i) {
                    v8 z = g2[j][i];
                    EACH z += slope[k] * h[i][k];
                    g2[j][i] = z;
                }
                v8 a = g1[j][0], b = g1[j][1], c = g1[j][2];
                EACH a += s[j][k] * x0[k], b += s[j][k] * x1[k], c += s[j][k];
                g1[j][0] = a, g1[j][1] = b, g1[j][2] = c;
            }
        }
        sum = total(loss);
        for (int j = 0; j < WIDE; j++) {
            for (int i = 0; i < 3; i++) gradient[3 * j + i] = total(g1[j][i]);
            for (int i = 0; i <= WIDE; i++)
                gradient[3 * WIDE + (WIDE + 1) * j + i] = total(g2[j][i]);
        }
        for (int j = 0; j <= WIDE; j++) gradient[3 * WIDE + (WIDE + 1) * WIDE + j] = total(g3[j]);
    }
    return sum;
}
