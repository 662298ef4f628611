# SPDX-License-Identifier: GPL-2.0-only
"""Write down what the platform's code takes for granted of a kernel's types.

usage: fields.py NM KERNEL_CONFIG FILE.i...  >FILE.S

Each preprocessed file is parsed by libclang.  From the functions and variables
of the platform's own files everything is followed that they use: inline
functions of the kernel's headers included, but nothing that is only declared.
What is found becomes rows of .cvm.fields (include/cvm/object.h):

  - members that are read, written or whose offset is taken
  - structures whose size matters: variables, arrays, sizeof, copies
  - enumerators
  - functions of the kernel that are called (NM is the object's "nm -u")
  - tables that assembly makes, for the kernel to read
  - what KERNEL_CONFIG (auto.conf) has compiled in, where a symbol tells

What the object asks for by a symbol (fields.h) is in no row.
"""

import bisect
import os
import re
import sys

sys.path.append("/usr/lib/python3/dist-packages")   # where Debian has it

from clang import cindex    # noqa: E402
from clang.cindex import CursorKind as K, StorageClass, TypeKind as T  # noqa

ARGUMENTS = ["-x", "cpp-output", "-std=gnu11", "-fshort-wchar",
             "-funsigned-char", "-w", "--target=x86_64-linux-gnu",
             "-mcmodel=kernel", "-mno-sse", "-mno-80387"]
# Of a member whose address alone is used.
ANY_SIZE = 0xffffffff
RECORDS = (K.STRUCT_DECL, K.UNION_DECL)

# Types of the platform's own that do not say so by their name.  Any other that
# its files define is a copy of one of the kernel's.
OWN_TYPES = {"record", "msr_range", "module_sites"}
# Not used for what they are.
NO_ENUMERATORS = {"true", "false"}
# Sections that assembly fills, and what the kernel takes each row for.
TABLES = ("alt_instr", "bug_entry", "exception_table_entry", "jump_entry",
          "orc_entry", "static_call_site")
# What the platform's code, or an inline function that it uses, is of another
# kind with; and a symbol that a kernel has which is configured so.
CONFIGURED = {
    "CONFIG_DEBUG_PREEMPT": "debug_smp_processor_id",
    "CONFIG_DEBUG_SPINLOCK": "do_raw_spin_lock",
    "CONFIG_FUNCTION_TRACER": "__fentry__",
    "CONFIG_HIBERNATION": "hibernation_available",
    "CONFIG_HYPERVISOR_GUEST": "init_hypervisor_platform",
    "CONFIG_IA32_EMULATION": "do_int80_emulation",
    "CONFIG_KASAN": "kasan_init",
    "CONFIG_KEXEC_CORE": "crash_kexec",
    "CONFIG_LOCKDEP": "lock_acquire",
    "CONFIG_MAGIC_SYSRQ": "handle_sysrq",
    "CONFIG_MICROCODE": "load_ucode_bsp",
    "CONFIG_PCI": "pci_probe",
    "CONFIG_PREEMPTION": "preempt_schedule_irq",
    "CONFIG_SMP": "smp_ops",
    "CONFIG_SYS_HYPERVISOR": "hypervisor_kobj",
    "CONFIG_TRACE_IRQFLAGS": "trace_hardirqs_on",
    "CONFIG_X86_MCE": "do_machine_check",
}
# Others that the platform's code asks for, and how else a kernel tells.
TOLD = {
    "CONFIG_CPU_IBRS_ENTRY": "as CONFIG_MITIGATION_IBRS_ENTRY",
    "CONFIG_GENERIC_BUG": "members of struct module",
    "CONFIG_HAVE_ARCH_PREL32_RELOCATIONS": "x86-64 has it",
    "CONFIG_HAVE_STATIC_CALL_INLINE": "members of struct module",
    "CONFIG_HVC_DRIVER": "hvc_alloc() is called",
    "CONFIG_JUMP_LABEL": "members of struct module",
    "CONFIG_KALLSYMS": "members of struct module",
    "CONFIG_MITIGATION_IBRS_ENTRY": "X86_FEATURE_KERNEL_IBRS, when it runs",
    "CONFIG_MODULES_TREE_LOOKUP": "members of struct mod_tree_root",
    "CONFIG_MODULE_UNLOAD": "members of struct module",
    "CONFIG_MTRR": "mtrr_state is written",
    "CONFIG_PARAVIRT_XXL": "members of pv_ops",
    "CONFIG_PREEMPT_RT": "asked when it runs",
    "CONFIG_SECURITY": "security_locked_down() is hooked",
    "CONFIG_UNWINDER_ORC": "unwind_module_init() is called",
    "CONFIG_X86_MSR": "the entry of its file operations is looked for",
    "CONFIG_X86_MSR_MODULE": "as CONFIG_X86_MSR",
}

# enum cvm_field_kind
MEMBER, SIZE, ENUMERATOR, FUNCTION, NO_SYMBOL, SYMBOL = range(1, 7)

# As gcc names them in debug information.
BASE_TYPES = {
    T.VOID: "void", T.BOOL: "_Bool", T.CHAR_S: "char", T.CHAR_U: "char",
    T.SCHAR: "signed char", T.UCHAR: "unsigned char", T.SHORT: "short int",
    T.USHORT: "short unsigned int", T.INT: "int", T.UINT: "unsigned int",
    T.LONG: "long int", T.ULONG: "long unsigned int",
    T.LONGLONG: "long long int", T.ULONGLONG: "long long unsigned int",
    T.INT128: "__int128", T.UINT128: "__int128 unsigned",
}


class FieldsError(Exception):
    """Something the user can act on; printed as one line."""


def without_call(text, name):
    """gcc's builtin that clang has not: no attribute is there."""
    out, at = [], 0
    for match in re.finditer(r"\b%s\s*\(" % re.escape(name), text):
        if match.start() < at:
            continue
        depth, end = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        out += [text[at:match.start()], "0"]
        at = end
    return "".join(out) + text[at:]


class Origins:
    """Which file a line of preprocessed text comes from."""

    def __init__(self, text):
        self.lines, self.names = [0], [""]
        for number, line in enumerate(text.split("\n"), 1):
            match = re.match(r'# \d+ "([^"]*)"', line)
            if match:
                self.lines.append(number)
                self.names.append(match[1])

    def __getitem__(self, line):
        return self.names[bisect.bisect_left(self.lines, line) - 1]


def parse(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        text = without_call(file.read(), "__builtin_has_attribute")
    unit = cindex.Index.create().parse(path, ARGUMENTS, [(path, text)])
    for diagnostic in unit.diagnostics:
        if diagnostic.severity >= cindex.Diagnostic.Error:
            raise FieldsError(str(diagnostic))
    return unit, Origins(text)


def is_anonymous(record):
    """Has neither tag nor typedef."""
    return not type_name(record)


def type_name(record):
    """The tag; or the typedef of a type that has none, or ""."""
    spelling = record.type.spelling
    for word in ("const ", "volatile ", "struct ", "union ", "enum "):
        spelling = spelling.replace(word, "")
    return "" if "(" in spelling else spelling


def element(kind):
    """Of an array, of arrays too; another type itself."""
    kind = kind.get_canonical()
    while kind.kind in (T.CONSTANTARRAY, T.INCOMPLETEARRAY):
        kind = kind.element_type.get_canonical()
    return kind


def record_of(kind):
    """The definition of a structure or union, or None."""
    kind = element(kind)
    if kind.kind != T.RECORD:
        return None
    return kind.get_declaration().get_definition()


def members(record):
    return list(record.type.get_fields())


def holder_of(record):
    """The member of another structure whose type this unnamed one is."""
    outer = record.semantic_parent
    if outer is None or outer.kind not in RECORDS:
        return None, None
    for field in members(outer):
        inner = record_of(field.type)
        if inner is not None and inner == record:
            return outer, field
    return outer, None


def path_of(field):
    """(record with a name, [fields on the way]), or None."""
    path, record = [field], field.semantic_parent
    while is_anonymous(record):
        outer, holder = holder_of(record)
        if holder is None:
            return None
        path.insert(0, holder)
        record = outer
    return record, path


def place_of(path):
    """Offset and bytes; of a bit-field the bit's number and 0."""
    bits = sum(field.get_field_offsetof() for field in path)
    if path[-1].is_bitfield():
        return bits, 0
    return bits // 8, max(path[-1].type.get_size(), 0)


def is_address(cursor, parent):
    """Is it asked only where the member is?"""
    if parent is None:
        return False
    if cursor.kind == K.MEMBER_REF:     # of offsetof(), or a designator
        return parent.type.get_canonical().kind == T.ULONG
    return parent.kind == K.UNARY_OPERATOR and \
        parent.type.get_canonical().kind == T.POINTER


def signature(kind, inner=""):
    """A type as btf_signature() writes it."""
    kind = kind.get_canonical()
    if kind.kind == T.POINTER:
        to = kind.get_pointee().get_canonical()
        behind = to.kind in (T.FUNCTIONPROTO, T.CONSTANTARRAY)
        return signature(to, f"(*{inner})" if behind else f"*{inner}")
    if kind.kind == T.CONSTANTARRAY:
        return signature(kind.element_type, f"{inner}[{kind.element_count}]")
    if kind.kind == T.FUNCTIONPROTO:
        arguments = [signature(x) for x in kind.argument_types()]
        if kind.is_function_variadic():
            arguments.append("...")
        return signature(kind.get_result(),
                         f"{inner}({', '.join(arguments) or 'void'})")
    name = BASE_TYPES.get(kind.kind)
    if name is None:
        declaration = kind.get_declaration()
        word = {K.STRUCT_DECL: "struct ", K.UNION_DECL: "union ",
                K.ENUM_DECL: "enum "}.get(declaration.kind, "")
        tag = declaration.spelling
        name = word + tag if tag and "(" not in tag else type_name(declaration)
    return f"{name} {inner}" if inner else name


def is_nothing(cursor):
    """A null pointer: what typeof and the like look at a type by."""
    while cursor is not None and cursor.kind in (
            K.PAREN_EXPR, K.UNEXPOSED_EXPR, K.CSTYLE_CAST_EXPR):
        cursor = list(cursor.get_children())[-1:]
        cursor = cursor[0] if cursor else None
    return cursor is not None and cursor.kind == K.INTEGER_LITERAL


def is_made_here(cursor):
    """A variable without a value is a tentative definition only (C11,
    6.9.2)."""
    if cursor.kind == K.VAR_DECL:
        return cursor.storage_class != StorageClass.EXTERN or \
            cursor.is_definition()
    return cursor.kind == K.FUNCTION_DECL and cursor.is_definition()


class Walk:
    """Everything that one file uses."""

    def __init__(self, path):
        unit, self.origins = parse(path)
        self.home = os.path.dirname(self.origins.names[1]) + "/"
        self.fields, self.sizes = {}, {}
        self.enumerators, self.calls = {}, {}
        self.seen, self.inner, self.queue = set(), set(), []
        for cursor in unit.cursor.get_children():
            if is_made_here(cursor) and self.is_ours(cursor):
                self.want(cursor)
            elif cursor.kind == K.STRUCT_DECL and cursor.is_definition() and \
                    cursor.spelling in TABLES:
                self.table(cursor)
        while self.queue:
            self.look(self.queue.pop(), None)

    def is_ours(self, cursor):
        """Does it stand in a file of the platform's?"""
        return self.origins[cursor.location.line].startswith(self.home)

    def is_own(self, record):
        """Is it a type of the platform's own?"""
        if not self.is_ours(record):
            return False
        name = type_name(record)
        return not name or name.startswith("cvm_") or name in OWN_TYPES

    def table(self, record):
        """A row of it is all that the kernel sees."""
        for field in members(record):
            found = path_of(field)
            if found and field.spelling:
                self.keep(*found, False)
        self.sizes[type_name(record)] = record.type.get_size()

    def want(self, cursor):
        if cursor.hash not in self.seen:
            self.seen.add(cursor.hash)
            self.queue.append(cursor)

    def look(self, cursor, parent):
        """One node of the tree, and what is below it."""
        kind = cursor.kind
        if kind == K.MEMBER_REF_EXPR and cursor.hash not in self.inner:
            self.member(self.chain(cursor), is_address(cursor, parent))
        elif kind == K.MEMBER_REF:
            self.member([cursor.referenced], is_address(cursor, parent))
        elif kind == K.DECL_REF_EXPR:
            self.named(cursor.referenced)
        elif kind == K.VAR_DECL:
            self.size(cursor.type)
        elif kind == K.TYPE_REF and parent is not None and \
                parent.kind == K.CXX_UNARY_EXPR:
            self.size(cursor.type)
        elif kind == K.BINARY_OPERATOR:
            self.stride(cursor)
        if self.by_value(cursor, parent):
            self.size(cursor.type)
        for child in cursor.get_children():
            self.look(child, cursor)

    @staticmethod
    def by_value(cursor, parent):
        """Is the whole of it used, or its size to count with?"""
        kind = cursor.kind
        if kind == K.ARRAY_SUBSCRIPT_EXPR:
            return True
        if not kind.is_expression() or \
           cursor.type.get_canonical().kind != T.RECORD:
            return False
        # Naming an object is not using it; a conversion to its value is.
        return kind not in (K.MEMBER_REF_EXPR, K.DECL_REF_EXPR, K.PAREN_EXPR,
                            K.UNARY_OPERATOR) or \
            parent is not None and parent.kind == K.CXX_UNARY_EXPR

    def stride(self, cursor):
        """Of a pointer that is counted with: p + 1, p - q, but not p = q."""
        kinds = [child.type.get_canonical()
                 for child in cursor.get_children()]
        pointers = [kind for kind in kinds
                    if kind.kind in (T.POINTER, T.INCOMPLETEARRAY,
                                     T.CONSTANTARRAY)]
        result = cursor.type.get_canonical().kind
        if (result == T.POINTER and len(pointers) == 1) or \
           (result == T.LONG and len(pointers) == 2):
            for kind in pointers:
                self.size(kind.get_pointee() if kind.kind == T.POINTER
                          else kind)

    def chain(self, cursor):
        """The fields of "p->a.b.c", from the outermost on."""
        fields = [cursor.referenced]
        while True:
            base = next(cursor.get_children(), None)
            while base is not None and base.kind == K.PAREN_EXPR:
                base = next(base.get_children(), None)
            if base is None or base.kind != K.MEMBER_REF_EXPR or \
               base.type.get_canonical().kind != T.RECORD:
                return [] if is_nothing(base) else fields
            self.inner.add(base.hash)
            fields.insert(0, base.referenced)
            cursor = base

    def member(self, fields, address):
        if not fields or any(f is None or f.kind != K.FIELD_DECL
                             for f in fields):
            return
        found = path_of(fields[0])
        if found is None:
            return
        record, path = found
        # What is the kernel's may lie inside what is the platform's.
        path += fields[1:]
        while self.is_own(record):
            inner = record_of(path.pop(0).type)
            if inner is None or not path:
                return
            record = inner if not is_anonymous(inner) else record
        if path[-1].spelling:
            self.keep(record, path, address)

    def keep(self, record, path, address):
        key = type_name(record), ".".join(f.spelling for f in path
                                          if f.spelling)
        offset, size = place_of(path)
        if address and size:
            size = self.fields.get(key, (0, ANY_SIZE))[1]
        self.fields[key] = offset, size

    def size(self, kind):
        record = record_of(kind)
        if record is None:
            return
        if self.is_own(record):
            for field in members(record):
                self.size(field.type)
        elif not is_anonymous(record):
            self.sizes[type_name(record)] = record.type.get_size()

    def named(self, target):
        if target is None:
            return
        if target.kind == K.ENUM_CONSTANT_DECL:
            if not self.is_ours(target) and \
               target.spelling not in NO_ENUMERATORS:
                self.enumerators[target.spelling] = target.enum_value
        elif target.kind == K.FUNCTION_DECL:
            definition = target.get_definition()
            if definition is not None:
                self.want(definition)
            else:
                self.calls[target.spelling] = target
        elif target.kind == K.VAR_DECL:
            definition = target.get_definition()
            if definition is not None:
                self.want(definition)


def asked_for(home):
    """What the platform's own files depend on: {option: file}."""
    found = {}
    for name in sorted(os.listdir(home)):
        if name.endswith((".c", ".h", ".S", ".def")):
            with open(os.path.join(home, name), encoding="utf-8") as file:
                for option in re.findall(r"\bCONFIG_\w+", file.read()):
                    found[option] = name
    return found


def check_options(home):
    for option, name in sorted(asked_for(home).items()):
        if option not in CONFIGURED and option not in TOLD and \
           not option.startswith("CONFIG_CVM_"):
            raise FieldsError(f"{name} asks for {option}, and fields.py does "
                              "not know how a kernel tells that it has it")


def rows_of_configuration(path, home):
    check_options(home)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if not re.search(r"^CONFIG_(CPU|MITIGATION)_IBRS_ENTRY=y$", text, re.M):
        raise FieldsError(f"{path}: without CONFIG_MITIGATION_IBRS_ENTRY an "
                          "object does not ask for it")
    for option, symbol in sorted(CONFIGURED.items()):
        there = re.search(rf"^{option}=y$", text, re.M)
        yield symbol, option, SYMBOL if there else NO_SYMBOL, 0, 0


def rows_of(walks, undefined):
    """(name, member or "", kind, value, bytes), each once, in order."""
    fields, sizes, enumerators, calls = {}, {}, {}, {}
    for walk in walks:
        fields.update(walk.fields)
        sizes.update(walk.sizes)
        enumerators.update(walk.enumerators)
        calls.update(walk.calls)
    fields.update({(record, ""): (size, 0) for record, size in sizes.items()})
    for (record, member), (value, size) in sorted(fields.items()):
        yield record, member, MEMBER if member else SIZE, value, size
    for name, value in sorted(enumerators.items()):
        yield name, "", ENUMERATOR, value & 0xffffffff, 0
    for name, target in sorted(calls.items()):
        if name in undefined:
            if target.type.get_canonical().kind != T.FUNCTIONPROTO:
                raise FieldsError(f"{name} is called and has no prototype")
            yield (name, signature(target.type), FUNCTION, undefined[name], 0)


def undefined_symbols(path):
    """Of "nm -u": the kernel's, with 1 for those that it may lack."""
    with open(path, encoding="utf-8") as file:
        symbols = [line.split() for line in file]
    return {name: int(kind in "wv") for kind, name in symbols
            if not re.match(r"cvm_|__SC[TK]__", name)}


def write(rows, out):
    texts = {}

    def label(text):
        return texts.setdefault(text, f".Ltext{len(texts)}")

    out.write('\t.section .cvm.fields, "a"\n\t.balign 8\n')
    for name, member, kind, value, size in rows:
        out.write(f"\t.quad {label(name)}, {label(member) if member else 0}\n"
                  f"\t.long {kind}, {value}, {size}, 0\n")
    out.write('\t.section .cvm.strings, "a"\n')
    for text, name in texts.items():
        out.write(f'{name}:\t.asciz "{text}"\n')
    out.write('\t.section .note.GNU-stack, "", @progbits\n')


def main():
    if len(sys.argv) < 4:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        walks = [Walk(os.path.abspath(path)) for path in sys.argv[3:]]
        rows = list(rows_of(walks, undefined_symbols(sys.argv[1])))
        rows += rows_of_configuration(sys.argv[2], walks[0].home)
    except (FieldsError, OSError) as error:
        print(f"fields.py: {error}", file=sys.stderr)
        return 1
    write(rows, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
