# SPDX-License-Identifier: GPL-2.0-only
# From nm -S: our functions and variables, as a module's symbols are kept
# (struct mod_kallsyms).  One that two files have would be two of a name, and
# those of the compiler and of assembly macros are none that anybody looks for.
$3 ~ /^[tTdDbBrR]$/ && $4 ~ /^[A-Za-z_][A-Za-z0-9_]*$/ && $4 !~ /^__(UNIQUE|pfx|initcall|already)/ {
	type[$4] = tolower($3)
	size[$4] = $2
	seen[$4]++
	if (seen[$4] == 1)
		name[++names] = $4
}

END {
	print "\t.section .rodata.cvm_symbols, \"a\""
	print "\t.balign 8"
	print "\t.globl cvm_symtab, cvm_symtab_end, cvm_strtab, cvm_typetab"
	print "cvm_symtab:"
	print "\t.skip 24"
	at = 1
	for (i = 1; i <= names; i++) {
		if (seen[name[i]] > 1)
			continue
		kept[++kepts] = name[i]
		printf "\t.long %d\n\t.byte 0, 0\n\t.short 1\n", at
		printf "\t.quad %s\n", name[i]
		printf "\t.8byte 0x%s\n", size[name[i]]
		at += length(name[i]) + 1
	}
	print "cvm_symtab_end:"
	print "cvm_strtab:\n\t.byte 0"
	for (i = 1; i <= kepts; i++)
		printf "\t.asciz \"%s\"\n", kept[i]
	print "cvm_typetab:\n\t.byte 0"
	for (i = 1; i <= kepts; i++)
		printf "\t.ascii \"%s\"\n", type[kept[i]]
	print "\t.section .note.GNU-stack, \"\", @progbits"
}
