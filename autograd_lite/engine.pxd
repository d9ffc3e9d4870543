# engine.py for a compiler: which of its names are doubles and structs of the machine, and the few
# functions that it takes from primitives.py when it runs as Python. setup.py builds the extension.

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport PyObject
from cpython.tuple cimport PyTuple_New

cdef extern from "math.h" nogil:
    double _exp "exp" (double)
    double _c_log "log" (double)
    double _sqrt "sqrt" (double)
    double _tanh "tanh" (double)
    double _c_pow "pow" (double, double)
    double copysign(double, double)

cdef extern from *:
    """
    typedef struct ag_node {  /* class Value, below */
        PyObject_HEAD
        union { double grad; struct ag_node *next; };
        double da, db;
        PyObject *a, *b;
        long long mark;
        PyObject *row, *label;
        double num;
    } ag_node;

    /* A node cannot be part of a reference cycle, so the collector need not see it. But the
       functions of a user's operation may hold a Value that depends on it: the nodes of such
       operations, and all that depend on them, are of a second type, which the collector sees. */
    static PyTypeObject *ag_value, ag_tracked;
    #define AG_IS_TRACKED(o) (Py_TYPE(o) == &ag_tracked)
    #define AG_IS_VALUE(o) (Py_TYPE(o) == ag_value || AG_IS_TRACKED(o))

    #define AG_SPARE 1024
    static ag_node *ag_spare = NULL;  /* freed, and ready to be used again */
    static int ag_spares = 0;

    static struct __pyx_obj_13autograd_lite_6engine_Value *
    ag_new(int tracked, double num, PyObject *row, PyObject *a, double da, PyObject *b, double db,
           PyObject *label)
    {
        ag_node *v;
        if (tracked) {
            v = PyObject_GC_New(ag_node, &ag_tracked);
        } else if (ag_spare != NULL) {
            v = ag_spare;
            ag_spare = v->next;
            ag_spares--;
            (void)PyObject_Init((PyObject *)v, ag_value);
        } else {
            v = PyObject_New(ag_node, ag_value);
        }
        if (v == NULL)
            return NULL;
        v->num = num; v->grad = 0.0; v->da = da; v->db = db; v->mark = 0;
        Py_INCREF(label); v->label = label;
        Py_INCREF(row); v->row = row;
        Py_INCREF(a); v->a = a;
        Py_INCREF(b); v->b = b;
        if (tracked)
            PyObject_GC_Track(v);
        return (void *)v;
    }

    /* Freeing a node frees its inputs; of a long chain that would be a deep recursion. So while one
       node is being freed, the others wait in a list. But the end of a user's operation may run any
       code, which must be able to free nodes, too; so such a node opens a list of its own. */
    static ag_node *ag_waiting = NULL;
    static int ag_freeing = 0, ag_depth = 0;
    static destructor ag_free_other;

    static void ag_release(ag_node *v)
    {
        Py_XDECREF(v->b);
        Py_XDECREF(v->a);
        Py_XDECREF(v->row);
        Py_XDECREF(v->label);
    }

    static void ag_free(PyObject *o)
    {
        ag_node *v = (ag_node *)o;
        if (!AG_IS_VALUE(o)) {
            ag_free_other(o);
            return;
        }
        if (AG_IS_TRACKED(o))
            PyObject_GC_UnTrack(o);
        v->next = ag_waiting;
        ag_waiting = v;
        if (ag_freeing)
            return;
        ag_freeing = 1;
        while ((v = ag_waiting) != NULL) {
            ag_waiting = v->next;
            if (AG_IS_TRACKED(v)) {
                ag_node *later = ag_waiting, **end = &ag_waiting;
                ag_waiting = NULL;
                ag_freeing = ++ag_depth > 20;
                ag_release(v);
                --ag_depth;
                ag_freeing = 1;
                while (*end != NULL)
                    end = &(*end)->next;
                *end = later;
                PyObject_GC_Del(v);
                continue;
            }
            ag_release(v);
            if (ag_spares < AG_SPARE) {
                v->next = ag_spare;
                ag_spare = v;
                ag_spares++;
            } else {
                PyObject_Free(v);
            }
        }
        ag_freeing = 0;
    }

    static int ag_visit(PyObject *o, visitproc visit, void *arg)
    {
        Py_VISIT(((ag_node *)o)->a);
        Py_VISIT(((ag_node *)o)->b);
        Py_VISIT(((ag_node *)o)->row);
        return 0;
    }
    static PyObject *ag_class(PyObject *o, void *unused)
    {
        Py_INCREF(ag_value);
        return (PyObject *)ag_value;
    }
    static PyGetSetDef ag_getset[] = {{"__class__", ag_class, NULL, NULL, NULL}, {NULL}};
    static PyTypeObject ag_tracked = {
        PyVarObject_HEAD_INIT(NULL, 0)
        .tp_name = "autograd_lite.engine.Value",
        .tp_basicsize = sizeof(ag_node),
        .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
        .tp_dealloc = ag_free,
        .tp_traverse = ag_visit,
        .tp_getset = ag_getset,
    };
    /* Makes the first n items of xs, a list or a tuple, items of a new tuple and reads their numbers;
       0 if one is neither a node nor a float. A tuple of what the collector need not see, it need
       not see either: it would find out by itself. */
    static int
    ag_read(PyObject *args, Py_ssize_t at, PyObject *xs, Py_ssize_t n, double *numbers)
    {
        if (n > PySequence_Fast_GET_SIZE(xs))
            return 0;
        for (Py_ssize_t i = 0; i < n; i++) {
            PyObject *x = PySequence_Fast_GET_ITEM(xs, i);
            if (AG_IS_VALUE(x))
                numbers[i] = ((ag_node *)x)->num;
            else if (PyFloat_CheckExact(x))
                numbers[i] = PyFloat_AS_DOUBLE(x);
            else
                return 0;
            Py_INCREF(x);
            PyTuple_SET_ITEM(args, at + i, x);
        }
        return 1;
    }

    static int ag_leads_to_tracked(PyObject *a)
    {
        if (!PyTuple_CheckExact(a))
            return AG_IS_TRACKED(a);
        if (!PyObject_GC_IsTracked(a))
            return 0;
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(a); i++)
            if (AG_IS_TRACKED(PyTuple_GET_ITEM(a, i)))
                return 1;
        PyObject_GC_UnTrack(a);
        return 0;
    }

    static int ag_known(PyObject *args, long long walk)
    {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++) {
            PyObject *a = PyTuple_GET_ITEM(args, i);
            if (AG_IS_VALUE(a) && ((ag_node *)a)->mark != walk)
                return 0;
        }
        return 1;
    }

    static void ag_spread(double g, PyObject *args, const double *slopes)
    {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++) {
            PyObject *a = PyTuple_GET_ITEM(args, i);
            if (AG_IS_VALUE(a))
                ((ag_node *)a)->grad += g * slopes[i];
        }
    }

    static int ag_set(PyObject *o, PyObject *x, void *setter_of_it)
    {
        if (x == NULL) {
            PyErr_SetString(PyExc_AttributeError, "Value: data, grad and label cannot be deleted");
            return -1;
        }
        return ((setter)setter_of_it)(o, x, NULL);
    }

    static int ag_settle(PyObject *value)
    {
        ag_value = (PyTypeObject *)value;
        if (ag_value->tp_basicsize != sizeof(ag_node) || PyType_IS_GC(ag_value)) {
            PyErr_SetString(PyExc_SystemError, "engine.pxd: ag_node is not class Value");
            return -1;
        }
        static const char signature[] = "Value(data, label='')\\n--\\n\\n";
        char *doc = PyMem_Malloc(sizeof(signature) + strlen(ag_value->tp_doc));
        if (doc == NULL)
            return PyErr_NoMemory(), -1;
        ag_value->tp_doc = strcat(strcpy(doc, signature), ag_value->tp_doc);
        for (PyGetSetDef *p = ag_value->tp_getset; p->name != NULL; p++)
            if (p->set != NULL && p->name[0] != '_') {
                p->closure = (void *)p->set;
                p->set = ag_set;
            }
        ag_free_other = ag_value->tp_dealloc;
        ag_value->tp_dealloc = ag_free;
        ag_value->tp_hash = PyBaseObject_Type.tp_hash;
        ag_tracked.tp_base = ag_value;
        return PyType_Ready(&ag_tracked);
    }

    /* last + x_1 + ... + x_n, or last + w_1 x_1 + ... with each product rounded; 1 says that the
       sum is rounded once. It is found by summation with the errors, and with those of the errors;
       what these lose is bounded, and must not lead anywhere near another sum. */
    static int ag_sum(const double *x, const double *w, Py_ssize_t n, double last, double *sum)
    {
    #if defined(__FAST_MATH__) || FLT_EVAL_METHOD != 0
        return 0;  /* the errors of rounding need doubles as they are */
    #endif
        double s = last, lost = 0.0, rest = 0.0;
        for (Py_ssize_t i = 0; i < n; i++) {
            double t = w == NULL ? x[i] : w[i] * x[i];
            double next = s + t, part = next - s;
            double error = (s - (next - part)) + (t - part);
            double more = lost + error, piece = more - lost;
            rest += fabs((lost - (more - piece)) + (error - piece));
            s = next;
            lost = more;
        }
        *sum = s + lost;
        if (rest != 0.0) {
            double part = *sum - s, error = (s - (*sum - part)) + (lost - part);
            double bound = (fabs(error) + 4.0 * rest) * (1.0 + 0x1p-50);
            if (*sum + bound != *sum || *sum - bound != *sum)
                return 0;
        }
        return isfinite(*sum);
    }
    """
    bint ag_is_value "AG_IS_VALUE" (object)
    bint ag_leads_to_tracked(object)
    bint ag_known(tuple, long long)
    void ag_spread(double, tuple, const double*)
    bint ag_read(tuple, Py_ssize_t, object, Py_ssize_t, double*)
    Value ag_new(bint, double, object, object, double, object, double, object)
    PyObject ag_tracked
    int ag_settle(object) except -1
    bint ag_sum(const double*, const double*, Py_ssize_t, double, double*)

cdef list active, era
cdef object floats, number, noted, text, Row
cdef object ADD, SUB, MUL, DIV, NEG, POW, MOD, FLOORDIV, EXP, LOG, SQRT, TANH, SIGMOID, RELU
cdef double inf, nan

cdef class Value:
    cdef public double _grad
    cdef readonly double _da, _db
    cdef readonly object _a, _b
    cdef long long _mark
    cdef readonly object _row
    cdef public object _label
    cdef public double _num

cdef long long _walks

cdef inline long long _seen() noexcept:
    global _walks
    _walks += 1
    return _walks

cdef inline bint _met(long long walk, Value v) noexcept:
    return v._mark == walk

cdef inline void _meet(long long walk, Value v) noexcept:
    v._mark = walk

cdef inline bint _known(long long walk, tuple args) noexcept:
    return ag_known(args, walk)

cdef inline void _push(list stack, long long walk, tuple args):
    cdef Py_ssize_t i
    for i in range(len(args) - 1, -1, -1):
        a = args[i]
        if ag_is_value(a) and (<Value>a)._mark != walk:
            stack.append(a)
            stack.append(None)

@cython.locals(v=Value)
cdef list[Value] _walk(list stack, list[Value] stop, list[Value] nodes)

@cython.locals(v=Value, g=double)
cdef _pass_back(Value root, list[Value] nodes, double seed, leaves, before)

cdef _many(row, made, label)

cdef inline Value _node(double data, row, a, double da, b, double db, label=""):
    tracked = type(row) is not Row or ag_leads_to_tracked(a) or ag_leads_to_tracked(b)
    v = ag_new(tracked, data, row, a, da, b, db, label)
    return noted(v) if active else v

cdef inline double _div(double x, double y) noexcept:
    if y == 0.0:  # without a floating-point exception, of which NumPy would warn
        return nan if x == 0.0 or x != x else copysign(inf, x) * copysign(1.0, y)
    return x / y

cdef inline double _log(double x) noexcept:
    return _c_log(x) if x > 0.0 else -inf if x == 0.0 else nan

cdef inline double _pow(double x, double y) noexcept:
    return _c_pow(x, y) if y == y else y

cdef inline double* _doubles(bytes data) noexcept:
    return <double*>PyBytes_AS_STRING(data)

cdef inline bytes _room(Py_ssize_t n):
    return PyBytes_FromStringAndSize(NULL, n * sizeof(double))

cdef inline tuple _floats(row, Py_ssize_t at, xs):
    return tuple([x if ag_is_value(x) or type(x) is float
                  else number(x, row.argument(at + i), row.name) for i, x in enumerate(xs)])

cdef inline tuple _product(row, ws, xs, bias):
    cdef tuple b = () if bias is None else (bias,)
    cdef Py_ssize_t i, n = len(ws), m = 2 * n + len(b)
    cdef tuple args = PyTuple_New(m)
    cdef bytes slopes = _room(m)  # x_1 ... x_n, w_1 ... w_n, 1
    cdef double* x = _doubles(slopes)
    cdef double* w = x + n
    cdef double z, last = 0.0
    if not (ag_read(args, 0, ws, n, w) and ag_read(args, n, xs, n, x)
            and ag_read(args, 2 * n, b, len(b), &last)):
        args, ws, xs = None, tuple(ws), tuple(xs)  # as lists they might change meanwhile
        ws, xs, b = _floats(row, 0, ws), _floats(row, n, xs), _floats(row, 2 * n, b)
        return _product(row, ws, xs, b[0] if b else None)
    if b: w[n] = 1.0
    if not ag_sum(x, w, n, last, &z): z = floats.sum(*[w[i] * x[i] for i in range(n)], last)
    return args, z, slopes

cdef inline tuple _total(row, xs):
    cdef Py_ssize_t i, n = len(xs)
    cdef tuple args = PyTuple_New(n)
    cdef bytes slopes = _room(n)
    cdef double* x = _doubles(slopes)
    cdef double y
    if not ag_read(args, 0, xs, n, x):
        args = None
        return _total(row, _floats(row, 0, tuple(xs)))
    if not ag_sum(x, NULL, n, 0.0, &y): y = floats.sum(*[x[i] for i in range(n)])
    for i in range(n): x[i] = 1.0
    return args, y, slopes

cdef inline bytes _packed(slopes):
    cdef tuple found = tuple(slopes)
    cdef Py_ssize_t i
    cdef bytes data = _room(len(found))
    for i in range(len(found)): _doubles(data)[i] = found[i]
    return data

cdef inline tuple _unpacked(bytes data):
    cdef Py_ssize_t i, n = PyBytes_GET_SIZE(data) // <Py_ssize_t>sizeof(double)
    return tuple([_doubles(data)[i] for i in range(n)])

cdef inline void _spread(double g, tuple args, bytes slopes) noexcept:
    ag_spread(g, args, _doubles(slopes))

cdef inline bytes _packed_data(list values):
    cdef Py_ssize_t i
    cdef bytes data = _room(len(values))
    for i, v in enumerate(values): _doubles(data)[i] = (<Value?>v)._num
    return data

cdef inline _set_grads(list values, bytes grads):
    cdef Py_ssize_t i
    if len(grads) != 8 * len(values): raise ValueError("set_grads: not one for each")
    for i, v in enumerate(values): (<Value?>v)._grad = _doubles(grads)[i]

cdef inline tuple _settle(cls):
    ag_settle(cls)
    return cls, <type><PyObject*>&ag_tracked
