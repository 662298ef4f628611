/* SPDX-License-Identifier: GPL-2.0-only */
/* trace.h - tracepoints of the module: events/cvm/ in tracefs. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM cvm

#if !defined(CVM_LINUX_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define CVM_LINUX_TRACE_H

#include <linux/tracepoint.h>

/* RUN goes back to user space. */
TRACE_EVENT(cvm_exit,
	TP_PROTO(u32 vm, u32 vcpu, int err, u32 reason, u64 arg0, u64 arg1),
	TP_ARGS(vm, vcpu, err, reason, arg0, arg1),
	TP_STRUCT__entry(
		__field(u32, vm)
		__field(u32, vcpu)
		__field(int, err)
		__field(u32, reason)
		__field(u64, arg0)
		__field(u64, arg1)
	),
	TP_fast_assign(
		__entry->vm = vm;
		__entry->vcpu = vcpu;
		__entry->err = err;
		__entry->reason = reason;
		__entry->arg0 = arg0;
		__entry->arg1 = arg1;
	),
	TP_printk("vm %u vcpu %u err %d reason %u arg0 0x%llx arg1 0x%llx",
		  __entry->vm, __entry->vcpu, __entry->err, __entry->reason,
		  __entry->arg0, __entry->arg1)
);

/* A vector the CPU took while a guest ran is handed to the host. */
TRACE_EVENT(cvm_forward,
	TP_PROTO(u32 vector),
	TP_ARGS(vector),
	TP_STRUCT__entry(
		__field(u32, vector)
	),
	TP_fast_assign(
		__entry->vector = vector;
	),
	TP_printk("vector 0x%x", __entry->vector)
);

/* A vCPU slept. */
TRACE_EVENT(cvm_wait,
	TP_PROTO(u32 vcpu, u64 deadline_ns, u64 slept_ns, int ret),
	TP_ARGS(vcpu, deadline_ns, slept_ns, ret),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u64, deadline_ns)
		__field(u64, slept_ns)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu;
		__entry->deadline_ns = deadline_ns;
		__entry->slept_ns = slept_ns;
		__entry->ret = ret;
	),
	TP_printk("vcpu %u deadline %llu slept %llu ret %d", __entry->vcpu,
		  __entry->deadline_ns, __entry->slept_ns, __entry->ret)
);

#endif /* CVM_LINUX_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
