// SPDX-License-Identifier: Apache-2.0
using System.Net;

namespace Weir.Proxy;

/// <summary>Those who have connections with a worker.</summary>
internal sealed class Tenants
{
    private readonly Dictionary<ushort, Tenant> _endpoints = [];
    private readonly Dictionary<IPAddress, Tenant> _strangers = [];

    /// <summary>Whose a new connection is.</summary>
    public Tenant Join(ushort endpoint, IPAddress address)
    {
        if (!(endpoint != 0 ? _endpoints.TryGetValue(endpoint, out Tenant? tenant) : _strangers.TryGetValue(address, out tenant)))
        {
            tenant = new Tenant(endpoint, address);
            if (endpoint != 0)
            {
                _endpoints.Add(endpoint, tenant);
            }
            else
            {
                _strangers.Add(address, tenant);
            }
        }

        tenant!.Connections++;
        return tenant;
    }

    /// <summary>One of its connections is closed.</summary>
    public void Leave(Tenant tenant)
    {
        if (--tenant.Connections == 0)
        {
            _ = tenant.Endpoint != 0 ? _endpoints.Remove(tenant.Endpoint) : _strangers.Remove(tenant.Address);
        }
    }
}
