/* A stand-in for REAPER's Python side. Embeds CPython and runs ReaScripts as REAPER is said to:
 * a fresh sub-interpreter for each run (or, in mode "reinit", Py_Initialize and Py_Finalize around
 * each run), RPR_defer, RPR_atexit and RPR_runloop put into __main__, no __file__ there, no sys.argv.
 * Every API function forwards its arguments over a socket to the fake REAPER in the test's process.
 * Knows nothing of projects. Commands and messages are frames: u32 length, u8 kind, payload. */
#include <Python.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef NEED_BIG
#define NEED_BIG (4 << 20) /* the room that reaper_python.py gives each text without a size */
#endif
#define MAX_SCRIPTS 64
#define MAX_PENDING 64

typedef union { int64_t i; uint64_t u; double d; void *p; } slot;
typedef struct { const char *name; void *address; } entry;
typedef struct {
  int used, id, sub;
  char path[4096];
  PyThreadState *state;
  char *pending[MAX_PENDING]; int pending_count;
  char *at_exit[MAX_PENDING]; int at_exit_count;
} script;

static int g_fd, g_reinit, g_next_id = 1;
static PyThreadState *g_main;
static script g_scripts[MAX_SCRIPTS];
static const char *g_plugins;

static void forward(int index, const char *letters, char ret, slot *a, slot *r);
#include "table.inc"

/* ---- frames ------------------------------------------------------------------------------- */
static void die(const char *why) { fprintf(stderr, "host: %s\n", why); _exit(70); }

static void write_all(const void *data, size_t n) {
  const char *p = data;
  while (n) { ssize_t k = write(g_fd, p, n); if (k <= 0) die("write"); p += k; n -= (size_t)k; }
}
static void read_all(void *data, size_t n) {
  char *p = data;
  while (n) { ssize_t k = read(g_fd, p, n); if (k <= 0) die("read"); p += k; n -= (size_t)k; }
}
typedef struct { char *data; size_t size, room; } buffer;
static void put(buffer *b, const void *data, size_t n) {
  if (b->size + n > b->room) {
    b->room = (b->size + n) * 2 + 256;
    b->data = realloc(b->data, b->room);
    if (!b->data) die("memory");
  }
  memcpy(b->data + b->size, data, n); b->size += n;
}
static void put_text(buffer *b, const char *s) {
  int32_t n = s ? (int32_t)strlen(s) : -1;
  put(b, &n, 4);
  if (n > 0) put(b, s, (size_t)n);
}
static void send_frame(char kind, const buffer *b) {
  uint32_t n = (uint32_t)b->size;
  char head[5]; memcpy(head, &n, 4); head[4] = kind;
  write_all(head, 5); write_all(b->data, b->size);
}
static char *receive_frame(char *kind, uint32_t *n) {
  char head[5]; read_all(head, 5); memcpy(n, head, 4); *kind = head[4];
  char *data = malloc(*n + 1u); if (!data) die("memory");
  read_all(data, *n); data[*n] = 0;
  return data;
}

/* ---- Python ------------------------------------------------------------------------------- */
static void report_error(script *s) { /* the text of the current exception goes to the test */
  PyObject *type, *value, *trace; PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  PyObject *module = PyImport_ImportModule("traceback"), *lines = NULL, *text = NULL;
  if (module) lines = PyObject_CallMethod(module, "format_exception", "OOO", type, value ? value : Py_None,
                                          trace ? trace : Py_None);
  PyObject *empty = PyUnicode_FromString("");
  if (lines) text = PyUnicode_Join(empty, lines);
  PyObject *bytes = text ? PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace") : NULL;
  buffer b = {0}; int32_t id = s->id; put(&b, &id, 4);
  put_text(&b, bytes ? PyBytes_AsString(bytes) : "unprintable error");
  send_frame('E', &b); free(b.data);
  Py_XDECREF(bytes); Py_XDECREF(text); Py_XDECREF(empty); Py_XDECREF(lines); Py_XDECREF(module);
  Py_XDECREF(type); Py_XDECREF(value); Py_XDECREF(trace); PyErr_Clear();
}
static script *by_id(PyObject *self) { return &g_scripts[PyLong_AsLong(self)]; }

static PyObject *queue(char **list, int *count, PyObject *args) {
  const char *code; if (!PyArg_ParseTuple(args, "s", &code)) return NULL;
  if (*count == MAX_PENDING) die("too many deferred");
  list[(*count)++] = strdup(code);
  Py_RETURN_NONE;
}
static PyObject *py_defer(PyObject *self, PyObject *args) {
  script *s = by_id(self); return queue(s->pending, &s->pending_count, args);
}
static PyObject *py_atexit(PyObject *self, PyObject *args) {
  script *s = by_id(self); return queue(s->at_exit, &s->at_exit_count, args);
}
static PyMethodDef BUILTINS[] = {
  {"RPR_defer", py_defer, METH_VARARGS, ""}, {"RPR_runloop", py_defer, METH_VARARGS, ""},
  {"RPR_atexit", py_atexit, METH_VARARGS, ""}, {0, 0, 0, 0}};

static void run_string(script *s, PyObject *globals, const char *code) {
  PyObject *done = PyRun_String(code, Py_file_input, globals, globals);
  if (!done) report_error(s); else Py_DECREF(done);
}
static void prepare_main(script *s, PyObject *globals) {
  PyObject *id = PyLong_FromLong(s - g_scripts), *table = PyDict_New();
  for (PyMethodDef *d = BUILTINS; d->ml_name; d++)
    PyDict_SetItemString(globals, d->ml_name, PyCFunction_New(d, id));
  for (const entry *e = TABLE; e->name; e++)
    PyDict_SetItemString(table, e->name, PyLong_FromVoidPtr(e->address));
  char folder[4096]; snprintf(folder, sizeof folder, "%s", s->path);
  char *slash = strrchr(folder, '/'); if (slash) *slash = 0;
  PyObject *path = PySys_GetObject("path");
  PyObject *plugins = PyUnicode_DecodeFSDefault(g_plugins), *own = PyUnicode_DecodeFSDefault(folder);
  PyList_Insert(path, 0, plugins); PyList_Insert(path, 0, own);
  PyDict_SetItemString(globals, "_table", table);
  run_string(s, globals,
             "from reaper_python import *\nimport sys\nrpr_initft(_table)\ndel _table\n"
             "sys.__dict__.pop('argv', None)\nglobals().pop('__file__', None)\n");
}
static char *read_source(const char *path) {
  FILE *f = fopen(path, "rb"); if (!f) return NULL;
  fseek(f, 0, SEEK_END); long n = ftell(f); rewind(f);
  char *text = malloc((size_t)n + 1u); size_t k = fread(text, 1, (size_t)n, f); text[k] = 0; fclose(f);
  for (size_t i = 0; i < k; i++) if ((unsigned char)text[i] > 127) { free(text); return NULL; }
  return text;
}
static void end_script(script *s) { /* its own thread state is current */
  PyObject *globals = PyModule_GetDict(PyImport_AddModule("__main__"));
  for (int i = 0; i < s->at_exit_count; i++) { run_string(s, globals, s->at_exit[i]); free(s->at_exit[i]); }
  s->at_exit_count = s->pending_count = 0;
  if (g_reinit) { if (Py_FinalizeEx() != 0) die("finalize"); }
  else { Py_EndInterpreter(s->state); PyThreadState_Swap(g_main); }
  s->used = 0;
}
static script *free_script(void) {
  for (int i = 0; i < MAX_SCRIPTS; i++) if (!g_scripts[i].used) return &g_scripts[i];
  die("too many scripts"); return NULL;
}
static void start_python(void) {
  Py_NoSiteFlag = 1;  /* the .pth files of this machine, run in each interpreter, take longer than the scripts */
  Py_InitializeEx(0);
}
static void run_script(const char *path) { /* the GIL is held by g_main, or Python is not initialised */
  script *s = free_script(); memset(s, 0, sizeof *s);
  s->used = 1; s->id = g_next_id++; snprintf(s->path, sizeof s->path, "%s", path);
  if (g_reinit) { start_python(); s->state = PyThreadState_Get(); }
  else s->state = Py_NewInterpreter();
  if (!s->state) die("no interpreter");
  PyObject *globals = PyModule_GetDict(PyImport_AddModule("__main__"));
  prepare_main(s, globals);
  char *source = read_source(path);
  PyObject *code = source ? Py_CompileString(source, "<reascript>", Py_file_input) : NULL;
  if (!source) PyErr_SetString(PyExc_RuntimeError, "script missing, or not ASCII");
  PyObject *done = code ? PyEval_EvalCode(code, globals, globals) : NULL;
  if (!done) report_error(s);
  Py_XDECREF(done); Py_XDECREF(code); free(source);
  if (!s->pending_count) end_script(s);
  else if (!g_reinit) PyThreadState_Swap(g_main);
}
static void tick_script(script *s) {
  if (!g_reinit) PyThreadState_Swap(s->state);
  int n = s->pending_count; char *codes[MAX_PENDING];
  memcpy(codes, s->pending, sizeof(char *) * (size_t)n); s->pending_count = 0;
  PyObject *globals = PyModule_GetDict(PyImport_AddModule("__main__"));
  for (int i = 0; i < n; i++) { run_string(s, globals, codes[i]); free(codes[i]); }
  if (!s->pending_count) end_script(s);
  else if (!g_reinit) PyThreadState_Swap(g_main);
}
static void send_done(void) {
  buffer b = {0};
  for (int i = 0; i < MAX_SCRIPTS; i++)
    if (g_scripts[i].used) put_text(&b, g_scripts[i].path);
  if (!b.data) put(&b, "", 0);
  send_frame('D', &b); free(b.data);
}

/* ---- one API call ------------------------------------------------------------------------- */
static size_t text_room(const char *letters, int i, const slot *a) {
  return letters[i] == 'S' ? (size_t)a[i + 1].i : NEED_BIG;
}
static void send_call(int index, const char *letters, const slot *a) {
  buffer b = {0}; uint16_t k = (uint16_t)index; put(&b, &k, 2);
  for (int i = 0; letters[i]; i++) switch (letters[i]) {
    case 's': case 'S': case 'Z': put_text(&b, a[i].p); break;
    case 'I': { int64_t v = a[i].p ? *(int *)a[i].p : 0; put(&b, &v, 8); break; }
    case 'B': { int64_t v = a[i].p ? *(signed char *)a[i].p : 0; put(&b, &v, 8); break; }
    case 'D': { double v = a[i].p ? *(double *)a[i].p : 0; put(&b, &v, 8); break; }
    case 'A': case 'N': { int64_t v = 0; put(&b, &v, 8); break; }
    default: put(&b, &a[i], 8);
  }
  send_frame('C', &b); free(b.data);
}
static char *take_text(const char **p) {
  int32_t n; memcpy(&n, *p, 4); *p += 4;
  char *text = malloc((size_t)n + 1u); memcpy(text, *p, (size_t)n); text[n] = 0; *p += n;
  return text;
}
static void read_results(const char *p, const char *letters, char ret, slot *a, slot *r) {
  static char *returned = NULL; /* lives until the next call, as REAPER's own strings do */
  if (ret == 's') { free(returned); returned = take_text(&p); r->p = returned; }
  else { memcpy(r, p, 8); p += 8; }
  for (int i = 0; letters[i]; i++) switch (letters[i]) {
    case 'S': case 'Z': {
      char *text = take_text(&p); size_t room = text_room(letters, i, a);
      size_t n = strlen(text);
      if (a[i].p && room) { n = n < room ? n : room - 1; memcpy(a[i].p, text, n); ((char *)a[i].p)[n] = 0; }
      free(text); break; }
    case 'I': { int64_t v; memcpy(&v, p, 8); p += 8; if (a[i].p) *(int *)a[i].p = (int)v; break; }
    case 'B': { int64_t v; memcpy(&v, p, 8); p += 8; if (a[i].p) *(signed char *)a[i].p = v != 0; break; }
    case 'D': memcpy(a[i].p, p, 8); p += 8; break;
    case 'N': { /* the caller's pointer is set to a string of ours */
      static char *name = NULL; free(name); name = take_text(&p);
      if (a[i].p) *(char **)a[i].p = name;
      break; }
    case 'A': { uint32_t n; memcpy(&n, p, 4); p += 4; memcpy(a[i].p, p, n * 8u); p += n * 8u; break; }
    default: break;
  }
}
static void nested_run(const char *path) { /* a script started by Main_OnCommand in another's call */
  PyEval_RestoreThread(g_main);
  run_script(path);
  PyEval_SaveThread();
  buffer b = {0}; put(&b, "", 0); send_frame('n', &b); free(b.data);
}
static void forward(int index, const char *letters, char ret, slot *a, slot *r) {
  memset(r, 0, sizeof *r);
  send_call(index, letters, a);
  for (;;) {
    char kind; uint32_t n; char *data = receive_frame(&kind, &n);
    if (kind == 'N') { nested_run(data); free(data); continue; }
    if (kind != 'V') die("unexpected reply");
    read_results(data, letters, ret, a, r); free(data);
    return;
  }
}

int main(int argc, char **argv) {
  if (argc < 4) die("usage: host FD sub|reinit PLUGINS");
  g_fd = atoi(argv[1]); g_reinit = strcmp(argv[2], "reinit") == 0; g_plugins = argv[3];
  setlocale(LC_ALL, "");
  if (!g_reinit) { start_python(); g_main = PyThreadState_Get(); }
  for (;;) {
    char kind; uint32_t n; char *data = receive_frame(&kind, &n);
    if (kind == 'R') run_script(data);
    else if (kind == 'T') { for (int i = 0; i < MAX_SCRIPTS; i++) if (g_scripts[i].used) tick_script(&g_scripts[i]); }
    else if (kind == 'Q') break;
    else die("unknown command");
    free(data); send_done();
  }
  for (int i = 0; i < MAX_SCRIPTS; i++) if (g_scripts[i].used) {
    if (!g_reinit) PyThreadState_Swap(g_scripts[i].state);
    end_script(&g_scripts[i]);
  }
  if (!g_reinit) Py_FinalizeEx();
  send_done();
  return 0;
}
