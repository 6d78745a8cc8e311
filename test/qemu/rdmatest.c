// A pretended RDMA device on a network interface, which can follow it between namespaces as mlx5's do: the kernel's own
// software ones (rxe, siw) refuse that. Parameter netdev = the interface.
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/if_ether.h>
#include <net/net_namespace.h>
#include <rdma/ib_verbs.h>

static char *netdev = "";
module_param(netdev, charp, 0444);
static struct ib_device *made;
static struct device *parent;

static int query_device(struct ib_device *dev, struct ib_device_attr *attr, struct ib_udata *data)
{
	return 0;
}

static int query_port(struct ib_device *dev, u32 port, struct ib_port_attr *attr)
{
	attr->state = IB_PORT_ACTIVE;
	attr->phys_state = IB_PORT_PHYS_STATE_LINK_UP;
	attr->gid_tbl_len = 1;
	attr->pkey_tbl_len = 1;
	attr->max_mtu = IB_MTU_1024;
	attr->active_mtu = IB_MTU_1024;
	return 0;
}

static int port_immutable(struct ib_device *dev, u32 port, struct ib_port_immutable *out)
{
	out->core_cap_flags = RDMA_CORE_PORT_RAW_PACKET;
	out->gid_tbl_len = 1;
	out->pkey_tbl_len = 1;
	return 0;
}

static int query_gid(struct ib_device *dev, u32 port, int index, union ib_gid *gid)
{
	memset(gid, 0, sizeof(*gid));
	return 0;
}

static int query_pkey(struct ib_device *dev, u32 port, u16 index, u16 *pkey)
{
	*pkey = 0xffff;
	return 0;
}

static void disassociate(struct ib_ucontext *context) {}

static const struct ib_device_ops ops = {
	.owner = THIS_MODULE,
	.driver_id = RDMA_DRIVER_UNKNOWN,
	.query_device = query_device,
	.query_port = query_port,
	.get_port_immutable = port_immutable,
	.query_gid = query_gid,
	.query_pkey = query_pkey,
	.disassociate_ucontext = disassociate,
};

static int __init start(void)
{
	struct net_device *below = dev_get_by_name(&init_net, netdev);
	int failed;

	if (!below)
		return -ENODEV;
	made = _ib_alloc_device(sizeof(struct ib_device));
	if (!made) {
		dev_put(below);
		return -ENOMEM;
	}
	parent = below->dev.parent;
	made->phys_port_cnt = 1;
	made->num_comp_vectors = 1;
	made->node_type = RDMA_NODE_IB_CA;
	made->node_guid = cpu_to_be64(1);
	made->dev.parent = parent;
	ib_set_device_ops(made, &ops);
	failed = ib_device_set_netdev(made, below, 1);
	dev_put(below);
	if (!failed)
		failed = ib_register_device(made, "rdmatest%d", NULL);
	if (failed)
		ib_dealloc_device(made);
	return failed;
}

static void __exit stop(void)
{
	ib_unregister_device(made);
	ib_dealloc_device(made);
}

module_init(start);
module_exit(stop);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("a pretended RDMA device, for tests");
