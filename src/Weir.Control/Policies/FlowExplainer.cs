// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using Weir.Control.Services;
using Weir.Control.State;
using Weir.Datapath.Abi;
using Weir.Net;
using Weir.Policy;
using Weir.Services;

namespace Weir.Control.Policies;

/// <summary>Tells what becomes of a flow: who its ends are, where a service leads it, what policy says there, and what
/// else is in its way. What it says is what the datapath does.</summary>
/// <param name="world">The one that is asked about.</param>
internal sealed class FlowExplainer(Func<World> world, PeerFinder finder, Obstacles obstacles)
{
    /// <exception cref="ControlException">An argument says nothing, or too much.</exception>
    internal FlowExplanation Explain(string fromText, string toText, IpProtocol protocol, ushort port, SampleRequest? request)
    {
        Party from = finder.Find(fromText, "--from");
        Party to = finder.Find(toText, "--to");
        if (from.Service is not null)
        {
            throw new ControlException($"--from {fromText}: a service opens no connections; name a container, labels or an address");
        }

        if (FindService(from, to, protocol, port) is not var (service, frontend))
        {
            (from, to) = (from.Beside(to), to.Beside(from));
            return new FlowExplanation("", [Explain(from, to, protocol, port, request, null, false, "")]);
        }

        Member[] members = [.. service.Members.Where(member => member.IsChosen && member.Address.Address.AddressFamily == frontend.Address.AddressFamily)];
        string name = $"{service.Spec.Name} {frontend}";
        return members.Length == 0
            ? new FlowExplanation(name, [new ExplainedWay("", null, Obstacle.Of(DropReason.NoBackend), "")])
            : new FlowExplanation(name, [.. members.Select(member => Explain(from, frontend, member, service.IsPublished, request))]);
    }

    private static string Describe(Member member, Party backend) =>
        backend.Endpoints.Count > 0 ? $"{member.Address} ({backend.Endpoints[0].Name})" : member.Address.ToString();

    /// <summary>Whether the packets never leave the container.</summary>
    private static bool StaysInside(Party from, Party to) => from.IsEndpoint
        && ((to.Address is { } address && IPAddress.IsLoopback(address))
            || (from.Endpoints is [var one] && to.Endpoints is [var other] && one.Id == other.Id));

    private ExplainedWay Explain(Party from, Frontend frontend, Member member, bool isPublished, SampleRequest? request)
    {
        Party backend = finder.ByAddress(member.Address.Address);
        return Explain(from.Beside(backend), backend, frontend.Protocol, member.Address.Port, request, frontend, isPublished, Describe(member, backend));
    }

    private ExplainedWay Explain(Party from, Party to, IpProtocol protocol, ushort port, SampleRequest? request, Frontend? frontend, bool isPublished, string name)
    {
        if (StaysInside(from, to))
        {
            return new ExplainedWay(name, null, null, "it stays inside of the container: nobody judges it");
        }

        if (obstacles.Before(from, to, frontend) is { } obstacle)
        {
            return new ExplainedWay(name, null, obstacle, "");
        }

        Explanation explanation = world().Engine.Explain(from.Peer, to.Peer, protocol, port, request);
        PolicyPeer? nobody = ((PolicyPeer[])[from.Peer, to.Peer]).FirstOrDefault(peer => !PolicyCheck.IsSomebody(peer.Identity));
        return new ExplainedWay(
            name,
            explanation,
            explanation.Allowed ? obstacles.After(from, to, explanation, frontend, isPublished) : null,
            nobody is null ? "" : $"nobody is {nobody.DisplayName} on this host");
    }

    /// <summary>The frontend that the flow is opened to.</summary>
    private (Service Service, Frontend Frontend)? FindService(Party from, Party to, IpProtocol protocol, ushort port)
    {
        if (to.Service is { } named)
        {
            Frontend[] fitting = [.. named.Spec.Frontends.Where(frontend => frontend.Port == port && frontend.Protocol == protocol)];
            return fitting.Length > 0
                ? (named, fitting.FirstOrDefault(frontend => from.Has(frontend.Address.AddressFamily), fitting[0]))
                : throw new ControlException($"service {named.Spec.Name} is not at {port}/{protocol.Name()}, but at {string.Join(", ", named.Spec.Frontends)}");
        }

        // What a container sends to a loopback address stays inside of it; whose address a hypothetical one asks, it has none itself.
        if (to.Address is not { } address || (IPAddress.IsLoopback(address) && !from.IsHost))
        {
            return null;
        }

        var wanted = new Frontend(address, port, protocol);
        return world().Services.Values.FirstOrDefault(service => service.Spec.Frontends.Contains(wanted)) is { } found ? (found, wanted) : null;
    }
}
