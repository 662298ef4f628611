// SPDX-License-Identifier: GPL-2.0-only
/*
 * memory.c - guest memory and libcvm's own pages.
 *
 * Guest memory is made of ordinary pages with reference counts.  Giving it
 * back means dropping our reference: what direct I/O or another driver still
 * holds stays out of the allocator until they let go, whatever becomes of the
 * VM.
 *
 * Two sources.  Pieces up to the page allocator's largest order come from
 * there with __GFP_ACCOUNT, as compound pages, which are freed in one piece
 * and have one count (odd sizes are cut from a larger piece and split).
 * Larger ones come from alloc_contig_range(), which cannot charge; there
 * each page is put into the page cache of an inode that belongs to the VM.
 * Adding to a page cache charges the caller's memory cgroup, freeing the page
 * uncharges it.  The mapping is unevictable, and reclaim or migration
 * would fail on our extra reference anyway.
 */
#define pr_fmt(fmt) "cvm: " fmt

#include <linux/highmem.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <asm/io.h>

#include "compat.h"
#include "shim.h"

/* Windows given to alloc_contig_range() before a request is refused. */
#define WINDOW_TRIES	48

/*
 * alloc_contig_range() works, and with init_on_alloc clears, without a pause:
 * what it is asked for at once.  Whole page blocks.
 */
#define WINDOW_STEP		((64ul << 20) >> PAGE_SHIFT)

struct chunk {
	struct list_head link;
	unsigned long pfn;
	unsigned long pages;
	enum cvm_linux_pool pool;
	bool compound;		/* one reference for all of it */
};

struct cvm_linux_pool_count cvm_linux_pool_counts[CVM_LINUX_POOLS];

static const char * const pool_names[CVM_LINUX_POOLS] = {
	[CVM_LINUX_POOL_BUDDY] = "ram",
	[CVM_LINUX_POOL_CONTIG] = "contig",
	[CVM_LINUX_POOL_CORE] = "core",
};

static struct vfsmount *cache_mount;

static int cache_init_fs(struct fs_context *fc)
{
	return init_pseudo(fc, 0x6376636d) ? 0 : -ENOMEM;
}

static struct file_system_type cache_type = {
	.name = "cvm",
	.init_fs_context = cache_init_fs,
	.kill_sb = kill_anon_super,
};

int cvm_linux_memory_init(void)
{
	cache_mount = kern_mount(&cache_type);
	return PTR_ERR_OR_ZERO(cache_mount);
}

void cvm_linux_memory_exit(void)
{
	kern_unmount(cache_mount);
}

static void count_taken(enum cvm_linux_pool pool, unsigned long pages)
{
	atomic64_add(pages, &cvm_linux_pool_counts[pool].taken);
}

/* The monitor itself is not a VM's: count from here on. */
void cvm_linux_memory_count(void)
{
	atomic64_set(&cvm_linux_pool_counts[CVM_LINUX_POOL_CORE].taken, 0);
}

/* Drop our reference to a page, or to a compound page of so many. */
static void put_counted(struct page *page, unsigned long pages,
			enum cvm_linux_pool pool)
{
	if (page_count(page) > 1)
		atomic64_add(pages, &cvm_linux_pool_counts[pool].shared);
	atomic64_add(pages, &cvm_linux_pool_counts[pool].returned);
	put_page(page);
}

/* ---- pieces up to the largest order ---------------------------------- */

static int buddy_alloc(struct chunk *chunk, u64 bytes, u64 align)
{
	unsigned int order = get_order(max(bytes, align));
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN;
	unsigned long i;
	struct page *page;

	chunk->pool = CVM_LINUX_POOL_BUDDY;
	chunk->pages = bytes >> PAGE_SHIFT;
	chunk->compound = chunk->pages == 1UL << order;
	if (order)
		gfp |= __GFP_NORETRY;
	page = alloc_pages(gfp | (chunk->compound ? __GFP_COMP : 0), order);
	if (!page)
		return -CVM_ENOMEM;
	chunk->pfn = page_to_pfn(page);
	if (!chunk->compound) {
		split_page(page, order);
		for (i = chunk->pages; i < 1UL << order; i++)
			__free_page(page + i);
	}
	count_taken(chunk->pool, chunk->pages);
	return 0;
}

/* Has the memory failed under the guest? */
static bool chunk_poisoned(const struct chunk *chunk)
{
	unsigned long i;

	for (i = 0; i < chunk->pages; i++)
		if (PageHWPoison(pfn_to_page(chunk->pfn + i)))
			return true;
	return false;
}

/*
 * The allocator keeps a page with bad memory out of use when the page is freed
 * by itself, but not as part of a compound one.  So such a piece is not given
 * back; the largest have 4 MiB.
 */
static void buddy_release(struct chunk *chunk)
{
	struct page *page = pfn_to_page(chunk->pfn);
	unsigned long i;

	if (chunk->compound) {
		if (chunk_poisoned(chunk)) {
			pr_warn("%lu pages at 0x%llx stay out of use: %s\n",
				chunk->pages, (u64)page_to_phys(page),
				"memory failed there");
			get_page(page);
		}
		put_counted(page, chunk->pages, chunk->pool);
		return;
	}
	for (i = 0; i < chunk->pages; i++)
		put_counted(page + i, 1, chunk->pool);
}

/* ---- larger pieces --------------------------------------------------- */

static struct inode *cache_inode(struct cvm_linux_vm *hvm)
{
	struct inode *inode;

	if (hvm->cache)
		return hvm->cache;
	inode = alloc_anon_inode(cache_mount->mnt_sb);
	if (IS_ERR(inode))
		return NULL;
	mapping_set_unevictable(inode->i_mapping);
	hvm->cache = inode;
	return inode;
}

static void contig_release(struct cvm_linux_vm *hvm, unsigned long pfn,
			   unsigned long pages, unsigned long charged)
{
	unsigned long i;

	if (charged)
		truncate_inode_pages_range(hvm->cache->i_mapping,
					   (loff_t)pfn << PAGE_SHIFT,
					   ((loff_t)(pfn + charged)
					    << PAGE_SHIFT) - 1);
	for (i = 0; i < pages; i++) {
		put_counted(pfn_to_page(pfn + i), 1, CVM_LINUX_POOL_CONTIG);
		if (i % 1024 == 1023)
			cond_resched();
	}
}

/* Zero the pages and put them on the caller's account. */
static int contig_claim(struct cvm_linux_vm *hvm, unsigned long pfn,
			unsigned long pages)
{
	struct inode *inode = cache_inode(hvm);
	unsigned long i;

	count_taken(CVM_LINUX_POOL_CONTIG, pages);
	for (i = 0; inode && i < pages; i++) {
		struct folio *folio = pfn_folio(pfn + i);

		if (i % 512 == 0) {
			cond_resched();
			if (fatal_signal_pending(current))
				break;
		}
		if (!want_init_on_alloc(GFP_KERNEL))
			clear_highpage(pfn_to_page(pfn + i));
		if (filemap_add_folio(inode->i_mapping, folio, pfn + i,
				      GFP_KERNEL | __GFP_NORETRY |
				      __GFP_NOWARN))
			break;
		folio_mark_uptodate(folio);
		folio_unlock(folio);
	}
	if (i == pages)
		return 0;
	contig_release(hvm, pfn, pages, i);
	return -CVM_ENOMEM;
}

/*
 * The highest page of the window that surely cannot be moved away: outside
 * the zone, reserved, or in use and not on an LRU list (kernel memory, page
 * tables).  A guess without locks; alloc_contig_range() decides.
 */
static unsigned long window_blocked(struct zone *zone, unsigned long pfn,
				    unsigned long pages)
{
	unsigned long i;

	for (i = pfn + pages; i-- > pfn; ) {
		struct page *page = pfn_to_online_page(i);

		if (!page || page_zone(page) != zone || PageReserved(page))
			return i;
		if (page_count(page) && !PageLRU(page))
			return i;
	}
	return 0;
}

static void window_give_back(unsigned long pfn, unsigned long pages)
{
	unsigned long i;

	for (i = 0; i < pages; i++) {
		__free_page(pfn_to_page(pfn + i));
		if (i % 1024 == 1023)
			cond_resched();
	}
}

/* All of the window or nothing. */
static bool window_take(unsigned long pfn, unsigned long pages)
{
	unsigned long done, step;

	for (done = 0; done < pages; done += step) {
		step = min(pages - done, WINDOW_STEP);
		if (fatal_signal_pending(current) ||
		    alloc_contig_range(pfn + done, pfn + done + step,
				       MIGRATE_MOVABLE,
				       GFP_KERNEL | __GFP_NOWARN)) {
			window_give_back(pfn, done);
			return false;
		}
		cond_resched();
	}
	return true;
}

/* Search one zone downwards: low memory is what old devices need. */
static unsigned long zone_window(struct zone *zone, unsigned long pages,
				 unsigned long align, int *tries)
{
	unsigned long low = zone->zone_start_pfn;
	unsigned long end = zone_end_pfn(zone);

	while (end >= low + pages && *tries > 0) {
		unsigned long pfn = ALIGN_DOWN(end - pages, align);
		unsigned long blocked;

		if (pfn < low || !pfn || fatal_signal_pending(current))
			return 0;
		cond_resched();
		blocked = window_blocked(zone, pfn, pages);
		if (blocked) {
			end = blocked;
			continue;
		}
		(*tries)--;
		if (window_take(pfn, pages))
			return pfn;
		end = pfn + pages - align;
	}
	return 0;
}

static unsigned long find_window(unsigned long pages, unsigned long align)
{
	static const enum zone_type order[] = {
		ZONE_NORMAL,
#ifdef CONFIG_ZONE_DMA32
		ZONE_DMA32,
#endif
	};
	int tries = WINDOW_TRIES;
	unsigned long pfn;
	unsigned int i;
	int nid;

	for (i = 0; i < ARRAY_SIZE(order); i++) {
		for_each_online_node(nid) {
			struct zone *zone = NODE_DATA(nid)->node_zones +
					    order[i];

			if (!populated_zone(zone))
				continue;
			pfn = zone_window(zone, pages, align, &tries);
			if (pfn)
				return pfn;
		}
	}
	return 0;
}

static int contig_alloc(struct cvm_linux_vm *hvm, struct chunk *chunk,
			u64 bytes, u64 align)
{
	unsigned long pages = bytes >> PAGE_SHIFT;

	/* Moving pages about cannot help a host that is simply too small. */
	if (pages > si_mem_available())
		return -CVM_ENOMEM;
	chunk->pfn = find_window(pages, align >> PAGE_SHIFT);
	if (!chunk->pfn)
		return -CVM_ENOMEM;
	chunk->pool = CVM_LINUX_POOL_CONTIG;
	chunk->pages = pages;
	return contig_claim(hvm, chunk->pfn, pages);
}

/* ---- the host API ---------------------------------------------------- */

int cvm_linux_mem_alloc(void *ctx, void *host_vm, u64 bytes, u64 align,
			u64 *hpa, void **out)
{
	struct cvm_linux_vm *hvm = host_vm;
	struct chunk *chunk;
	int err;

	/* Or a killed process would go on to collect small pieces. */
	if (fatal_signal_pending(current))
		return -CVM_EINTR;
	chunk = kzalloc(sizeof(*chunk), GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return -CVM_ENOMEM;
	if (max(bytes, align) <= PAGE_SIZE << CVM_LINUX_MAX_PAGE_ORDER)
		err = buddy_alloc(chunk, bytes, align);
	else
		err = contig_alloc(hvm, chunk, bytes, align);
	if (err) {
		kfree(chunk);
		return err;
	}
	mutex_lock(&hvm->chunk_lock);
	list_add_tail(&chunk->link, &hvm->chunks);
	mutex_unlock(&hvm->chunk_lock);
	*hpa = (u64)chunk->pfn << PAGE_SHIFT;
	*out = chunk;
	return 0;
}

void cvm_linux_mem_free(void *ctx, void *host_vm, void *handle)
{
	struct cvm_linux_vm *hvm = host_vm;
	struct chunk *chunk = handle;

	mutex_lock(&hvm->chunk_lock);
	list_del(&chunk->link);
	mutex_unlock(&hvm->chunk_lock);
	/*
	 * The page cache must not be left while user space maps the page.  It
	 * does not: either this was never granted, or the file is going, which
	 * every mapping holds.
	 */
	if (chunk->pool == CVM_LINUX_POOL_CONTIG)
		contig_release(hvm, chunk->pfn, chunk->pages, chunk->pages);
	else
		buddy_release(chunk);
	hvm->freed_pfn[page_zonenum(pfn_to_page(chunk->pfn))] = chunk->pfn;
	cond_resched();
	kfree(chunk);
}

/*
 * Pages given back lie on lists of the CPU that did it, tens of MiB of them
 * and not counted as free.  Nothing exported empties those lists, except that
 * alloc_contig_range() does so for a zone before it looks for a page.
 */
void cvm_linux_mem_settle(struct cvm_linux_vm *hvm)
{
	unsigned int i;

	for (i = 0; i < MAX_NR_ZONES; i++) {
		unsigned long pfn = hvm->freed_pfn[i];

		if (pfn && !alloc_contig_range(pfn, pfn + 1, MIGRATE_MOVABLE,
					       GFP_KERNEL | __GFP_NOWARN))
			__free_page(pfn_to_page(pfn));
		hvm->freed_pfn[i] = 0;
	}
}

struct page *cvm_linux_chunk_page(void *handle, u64 gpa)
{
	struct chunk *chunk = handle;

	WARN_ON_ONCE(PHYS_PFN(gpa) - chunk->pfn >= chunk->pages);
	return pfn_to_page(PHYS_PFN(gpa));
}

void *cvm_linux_page_alloc(void *ctx, u32 pages)
{
	void *hva = alloc_pages_exact((size_t)pages << PAGE_SHIFT,
				      GFP_KERNEL_ACCOUNT | __GFP_ZERO);

	if (hva)
		count_taken(CVM_LINUX_POOL_CORE, pages);
	return hva;
}

void cvm_linux_page_free(void *ctx, void *hva, u32 pages)
{
	atomic64_add(pages,
		     &cvm_linux_pool_counts[CVM_LINUX_POOL_CORE].returned);
	free_pages_exact(hva, (size_t)pages << PAGE_SHIFT);
}

/* page_alloc() memory is in the direct map, the module's text is not. */
u64 cvm_linux_hva_to_hpa(void *ctx, const void *hva)
{
	if (virt_addr_valid(hva))
		return virt_to_phys((void *)hva);
	return page_to_phys(vmalloc_to_page(hva)) + offset_in_page(hva);
}

void cvm_linux_memory_show(struct seq_file *m)
{
	int i;

	for (i = 0; i < CVM_LINUX_POOLS; i++) {
		struct cvm_linux_pool_count *c = &cvm_linux_pool_counts[i];

		seq_printf(m, "%s taken %lld returned %lld shared %lld\n",
			   pool_names[i], atomic64_read(&c->taken),
			   atomic64_read(&c->returned),
			   atomic64_read(&c->shared));
	}
}

u64 cvm_linux_pages_out(void)
{
	u64 out = 0;
	int i;

	for (i = 0; i < CVM_LINUX_POOLS; i++)
		out += atomic64_read(&cvm_linux_pool_counts[i].taken) -
		       atomic64_read(&cvm_linux_pool_counts[i].returned);
	return out;
}
