/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check.c - can this machine run a guest?  Each condition by name.
 *
 * Every refusal here is one that would otherwise show as a dead host.  The
 * rows are made once, at attach, from what caps.c read on each CPU; a host
 * that fails one keeps running, only VM_CREATE is refused.
 */
#include "fmt.h"
#include "host_calls.h"
#include "x86/cpu.h"

#define EFER_SCE	(1ull << 0)
#define EFER_LMA	(1ull << 10)
#define EFER_NXE	(1ull << 11)
#define EFER_SVME	(1ull << 12)

#define S_CET_SH_STK_EN	(1ull << 0)
#define SEV_ENABLED	7ull		/* SEV, SEV-ES or SEV-SNP active */
#define ASYNC_PF_ENABLED (1ull << 0)

/* What the two worlds must agree on, so all CPUs must. */
#define CR4_ALIKE	(CVM_CR4_PGE | CVM_CR4_OSFXSR | CVM_CR4_LA57 | \
			 CVM_CR4_FSGSBASE | CVM_CR4_PCIDE | CVM_CR4_OSXSAVE | \
			 CVM_CR4_PKS | CVM_CR4_UINTR | CVM_CR4_FRED)
#define EFER_ALIKE	(EFER_SCE | EFER_LMA | EFER_NXE)

struct verdict {
	uint32_t status;
	const char *text;
};

#define OK(text)	((struct verdict){ CVM_CHECK_OK, text })
#define NOTE(text)	((struct verdict){ CVM_CHECK_NOTE, text })
#define REFUSED(text)	((struct verdict){ CVM_CHECK_REFUSED, text })

static struct verdict row_long_mode(const struct cvm_x86_caps *c)
{
	if (!c->lm || !(c->efer & EFER_LMA))
		return REFUSED("the host does not run in 64-bit mode");
	return OK("64-bit mode");
}

static struct verdict row_ring0(const struct cvm_x86_caps *c)
{
	if (c->cs & 3)
		return REFUSED("the host kernel itself runs outside ring 0 "
			       "(Xen PV)");
	return OK("the host kernel owns ring 0");
}

/* The passage's private GDT has flat code at 0x10 and data at 0x18. */
static struct verdict row_selectors(const struct cvm_x86_caps *c)
{
	if (c->cs != 0x10 || (c->ss != 0x18 && c->ss != 0))
		return REFUSED("kernel CS is not 0x10, or SS is neither 0x18 "
			       "nor 0");
	if (c->tr & 7 || !c->tr || c->tr >= CVM_BOOT_TR)
		return REFUSED("the task register's selector lies outside the "
			       "passage's own GDT");
	return OK("CS, SS and TR as the passage's own GDT has them");
}

static struct verdict row_nx(const struct cvm_x86_caps *c)
{
	if (!c->nx || !(c->efer & EFER_NXE))
		return REFUSED("no-execute pages are off (CPU, firmware or "
			       "noexec=off)");
	return OK("no-execute pages");
}

static struct verdict row_syscall(const struct cvm_x86_caps *c)
{
	if (!c->syscall || !(c->efer & EFER_SCE))
		return REFUSED("SYSCALL is off");
	return OK("SYSCALL");
}

static struct verdict row_paging(const struct cvm_x86_caps *c)
{
	if (c->la57)
		return NOTE("5-level page tables: the guest kernel must be "
			    "built with CONFIG_X86_5LEVEL");
	return OK("4-level page tables");
}

static struct verdict row_fpu(const struct cvm_x86_caps *c)
{
	if (!c->fxsr || !(c->cr4 & CVM_CR4_OSFXSR))
		return REFUSED("FXSAVE is off: SSE state could not be "
			       "swapped");
	if (!c->xsave)
		return NOTE("no XSAVE: x87 and SSE state only, swapped by "
			    "FXSAVE");
	if (!(c->cr4 & CVM_CR4_OSXSAVE))
		return NOTE("this host leaves XSAVE off: it is on while the "
			    "state is swapped, a switch costs more");
	return OK("extended state is swapped by XSAVE");
}

static struct verdict row_fsgsbase(const struct cvm_x86_caps *c)
{
	if (!c->fsgsbase || !(c->cr4 & CVM_CR4_FSGSBASE))
		return NOTE("no FSGSBASE: segment bases are swapped as MSRs, "
			    "a switch costs more");
	return OK("FSGSBASE");
}

static struct verdict row_flush(const struct cvm_x86_caps *c)
{
	if (!c->invpcid)
		return NOTE("no INVPCID: the TLB is flushed by toggling "
			    "CR4.PGE");
	return OK("the TLB is flushed by INVPCID");
}

static struct verdict row_tsc(const struct cvm_x86_caps *c)
{
	if (!c->inv_tsc)
		return NOTE("the TSC is not announced as invariant: the "
			    "guest's clock may drift");
	return OK("invariant TSC");
}

static struct verdict row_debug_store(const struct cvm_x86_caps *c)
{
	if (c->pebs || c->bts)
		return OK("PEBS and BTS pause while a guest runs");
	return OK("no PEBS and no BTS");
}

static struct verdict row_fred(const struct cvm_x86_caps *c)
{
	if (c->cr4 & CVM_CR4_FRED)
		return REFUSED("the host uses FRED, which has no IDT to swap; "
			       "boot it with fred=off");
	return OK("FRED is not in use");
}

static struct verdict row_shadow_stack(const struct cvm_x86_caps *c)
{
	if (c->s_cet & S_CET_SH_STK_EN)
		return REFUSED("the host kernel uses supervisor shadow "
			       "stacks");
	return OK("no supervisor shadow stacks");
}

static struct verdict row_pks(const struct cvm_x86_caps *c)
{
	if (c->cr4 & CVM_CR4_PKS)
		return REFUSED("the host uses protection keys for kernel "
			       "pages (CR4.PKS)");
	return OK("no supervisor protection keys");
}

static struct verdict row_uintr(const struct cvm_x86_caps *c)
{
	if (c->cr4 & CVM_CR4_UINTR)
		return REFUSED("the host uses user interrupts (CR4.UINTR)");
	return OK("no user interrupts");
}

static struct verdict row_sev(const struct cvm_x86_caps *c)
{
	if (c->sev_status & SEV_ENABLED)
		return REFUSED("the host is itself an encrypted guest (SEV): "
			       "#VC would reach the guest");
	return OK("not a SEV guest");
}

static struct verdict row_sme(const struct cvm_x86_caps *c)
{
	if (c->c_bit)
		return REFUSED("the host encrypts its memory (SME); boot it "
			       "with mem_encrypt=off");
	return OK("memory is not encrypted by page-table bit");
}

static struct verdict row_tdx(const struct cvm_x86_caps *c)
{
	if (c->tdx_guest)
		return REFUSED("the host is itself an encrypted guest (TDX): "
			       "#VE would reach the guest");
	return OK("not a TDX guest");
}

/*
 * An outer KVM delivers "page not present" as #PF with a token in CR2, in
 * user mode always; the flag that tells it from a real fault lies in the
 * host's memory, so the guest would act on the token.  Interrupts as
 * completion (bit 3) do not change that.
 */
static struct verdict row_async_pf(const struct cvm_x86_caps *c)
{
	if (c->async_pf & ASYNC_PF_ENABLED)
		return REFUSED("the outer KVM injects async page faults; boot "
			       "the host with no-kvmapf");
	return OK("no outer KVM injects page faults");
}

static struct verdict row_hyperv(const struct cvm_x86_caps *c)
{
	if (c->hv_isolation)
		return REFUSED("the host is an isolated Hyper-V guest");
	if (c->hv_root)
		return REFUSED("the host is Hyper-V's root partition (VBS, "
			       "HVCI): control registers are guarded");
	if (c->outer == CVM_OUTER_HYPERV)
		return NOTE("the host runs under Hyper-V, which nobody has "
			    "tried yet");
	return OK("Hyper-V does not guard this host");
}

/* Hardware virtualisation in use stays as it is: VMX root mode pins CR4. */
static struct verdict row_vmx(const struct cvm_x86_caps *c)
{
	if (c->cr4 & CVM_CR4_VMXE)
		return NOTE("another hypervisor is loaded (VMX): the guest "
			    "keeps CR4.VMXE set");
	if (c->efer & EFER_SVME)
		return NOTE("another hypervisor is loaded (SVM): the guest "
			    "keeps EFER.SVME set");
	return OK("no other hypervisor is loaded");
}

static const struct {
	const char *name;
	struct verdict (*judge)(const struct cvm_x86_caps *c);
} cvm_check_rows[] = {
	{ "long-mode", row_long_mode },
	{ "ring-0", row_ring0 },
	{ "selectors", row_selectors },
	{ "nx", row_nx },
	{ "syscall", row_syscall },
	{ "paging", row_paging },
	{ "extended-state", row_fpu },
	{ "fsgsbase", row_fsgsbase },
	{ "tlb-flush", row_flush },
	{ "tsc", row_tsc },
	{ "debug-store", row_debug_store },
	{ "fred", row_fred },
	{ "shadow-stack", row_shadow_stack },
	{ "supervisor-keys", row_pks },
	{ "user-interrupts", row_uintr },
	{ "sev", row_sev },
	{ "sme", row_sme },
	{ "tdx", row_tdx },
	{ "kvm-async-pf", row_async_pf },
	{ "hyper-v", row_hyperv },
	{ "vmx-svm", row_vmx },
};

#define ROWS	(sizeof(cvm_check_rows) / sizeof(cvm_check_rows[0]))
_Static_assert(ROWS + 1 <= CVM_CHECK_MAX, "one row is cpus-alike");
#define ROW_RING0	1	/* where a shim outside ring 0 shows */

static struct cvm_user_check_row *check_add(struct cvm_user_check *check,
					    const char *name,
					    uint32_t status)
{
	struct cvm_user_check_row *row = &check->row[check->rows++];

	cvm_fmt(row->name, sizeof(row->name), "%s", name);
	row->status = status;
	if (status == CVM_CHECK_REFUSED)
		check->refused++;
	return row;
}

/* Name of the first thing in which two CPUs differ, NULL if none. */
static const char *caps_differ(const struct cvm_x86_caps *a,
			       const struct cvm_x86_caps *b)
{
#define CVM_CAP(name, leaf, sub, reg, bit) \
	if (a->name != b->name) \
		return #name;
#include "x86/caps.def"
#undef CVM_CAP
	if (a->vendor != b->vendor)
		return "vendor";
	if (a->pebs != b->pebs || a->bts != b->bts)
		return "debug store";
	if (a->lbr_msr != b->lbr_msr)
		return "last branch records";
	if ((a->cr4 ^ b->cr4) & CR4_ALIKE)
		return "CR4";
	if ((a->efer ^ b->efer) & EFER_ALIKE)
		return "EFER";
	if (a->xcr0 != b->xcr0 || a->xcr0_max != b->xcr0_max)
		return "XCR0";
	if (a->xss_max != b->xss_max)
		return "XSS";
	if (a->xsave_bytes != b->xsave_bytes)
		return "size of the XSAVE area";
	return NULL;
}

/* The worse of the two CPUs, for what the rows judge but may differ. */
static void caps_merge(struct cvm_x86_caps *to,
		       const struct cvm_x86_caps *from)
{
	to->cr4 |= from->cr4 & CVM_CR4_VMXE;
	to->efer |= from->efer & EFER_SVME;
	to->s_cet |= from->s_cet;
	to->sev_status |= from->sev_status;
	to->async_pf |= from->async_pf;
	to->c_bit |= from->c_bit;
	to->hv_root |= from->hv_root;
}

static int caps_on_cpu(void *arg)
{
	cvm_x86_caps_read(arg);
	return 0;
}

/* Read every CPU; -CVM_ENOENT from cpu_call is a CPU that is offline. */
static int check_cpus(struct cvm_monitor *mon)
{
	struct cvm_user_check_row *row;
	const char *what = NULL;
	struct cvm_x86_caps caps;
	uint32_t cpu, seen = 0, odd = 0;
	int ret;

	for (cpu = 0; cpu < mon->cpus; cpu++) {
		ret = cvm_host_cpu_call(mon, cpu, caps_on_cpu, &caps);
		if (ret == -CVM_ENOENT)
			continue;
		if (ret)
			return ret;
		if (!seen++)
			mon->caps = caps;
		if (!what) {
			what = caps_differ(&mon->caps, &caps);
			odd = cpu;
		}
		caps_merge(&mon->caps, &caps);
	}
	if (!seen)
		return -CVM_ENOENT;

	row = check_add(&mon->check, "cpus-alike",
			what ? CVM_CHECK_REFUSED : CVM_CHECK_OK);
	if (what)
		cvm_fmt(row->text, sizeof(row->text),
			"CPU %u differs from the first in: %s", odd, what);
	else
		cvm_fmt(row->text, sizeof(row->text),
			seen == 1 ? "there is one CPU" :
			"%u CPUs with equal features and settings", seen);
	return 0;
}

/* Why a CPU with these features cannot join those that attach saw, or NULL. */
static const char *cpu_refused(const struct cvm_monitor *mon,
			       const struct cvm_x86_caps *caps)
{
	struct verdict verdict;
	uint32_t i;

	for (i = 0; i < ROWS; i++) {
		verdict = cvm_check_rows[i].judge(caps);
		if (verdict.status == CVM_CHECK_REFUSED)
			return verdict.text;
	}
	return caps_differ(&mon->caps, caps);
}

int cvm_cpu_check(struct cvm_monitor *mon)
{
	struct cvm_x86_caps caps;
	const char *why;
	char text[160];

	if (mon->check.refused)
		return -CVM_EPERM;	/* CHECK has told */
	cvm_x86_caps_read(&caps);
	why = cpu_refused(mon, &caps);
	if (!why)
		return 0;
	cvm_fmt(text, sizeof(text), "no guest runs on a CPU that came online, "
		"unlike the others: %s", why);
	cvm_host_log(mon, CVM_LOG_ERROR, text);
	return -CVM_EPERM;
}

int cvm_check_row(struct cvm_monitor *mon, const char *name, uint32_t status,
		  const char *text)
{
	struct cvm_user_check_row *row;

	if (mon->check.rows >= CVM_CHECK_MAX)
		return -CVM_E2BIG;
	row = check_add(&mon->check, name, status);
	cvm_fmt(row->text, sizeof(row->text), "%s", text);
	return 0;
}

int cvm_check_host(struct cvm_monitor *mon)
{
	struct verdict verdict;
	uint32_t i;
	int ret;

	mon->check = (struct cvm_user_check){ 0 };
	ret = check_cpus(mon);
	/* A driver loaded into a process (Wine): nothing else can be read. */
	if (ret == -CVM_EPERM)
		return cvm_check_row(mon, cvm_check_rows[ROW_RING0].name,
				     CVM_CHECK_REFUSED,
				     "the driver itself runs outside ring 0");
	if (ret)
		return ret;
	for (i = 0; i < ROWS; i++) {
		verdict = cvm_check_rows[i].judge(&mon->caps);
		cvm_check_row(mon, cvm_check_rows[i].name, verdict.status,
			      verdict.text);
	}
	return 0;
}
