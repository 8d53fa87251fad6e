// SPDX-License-Identifier: Apache-2.0

using Weir.Control.State;
using Weir.Policy;
using Weir.Policy.Reading;
using Weir.Policy.Replay;
using Weir.Policy.Suggestions;

namespace Weir.Control.Replaying;

/// <summary>Finds whom a policy is to be suggested for, by what people write: among the containers there are, and those on record.</summary>
internal sealed class SubjectFinder
{
    private const string ComposeService = "com.docker.compose.service";
    private const string ComposeProject = "com.docker.compose.project";

    private readonly (string Name, PolicyPeer Peer)[] _containers;

    internal SubjectFinder(IEnumerable<Endpoint> endpoints, IEnumerable<SeenFlow> flows) => _containers =
    [
        .. endpoints.Where(endpoint => endpoint.Identity.IsLabelSet).Select(endpoint => (endpoint.Name, new PolicyPeer(endpoint.Identity, endpoint.Labels, null)))
            .Concat(flows.SelectMany(flow => new[] { flow.From, flow.To }).Where(end => end.IsHere && end.Peer is { Identity.IsLabelSet: true }).Select(end => (end.Name, end.Peer!)))
            .DistinctBy(container => (container.Item1, container.Item2.Labels)),
    ];

    /// <summary>All that labels have to tell apart.</summary>
    internal IEnumerable<PolicyPeer> Everybody => _containers.Select(container => container.Peer);

    /// <summary>The labels that the policy is about.</summary>
    /// <exception cref="ControlException">Nobody has that name or these labels.</exception>
    internal IReadOnlyList<Label> Find(string text)
    {
        if (text.Length == 0)
        {
            throw new ControlException("--for says nobody: write labels such as role=api, a container, or a service of Compose");
        }

        if (text.Contains('=', StringComparison.Ordinal))
        {
            return ByLabels(text);
        }

        PolicyPeer[] found = [.. _containers.Where(container => container.Name == text || IsService(container.Peer, text)).Select(container => container.Peer).DistinctBy(peer => peer.Labels)];
        if (found.Length == 0)
        {
            throw new ControlException($"--for {text}: no container and no service of Compose has that name{Near(text, _containers.SelectMany(container => NamesOf(container.Name, container.Peer)))}; write labels such as role=api, a container, or a service");
        }

        IReadOnlyList<Label>[] names = [.. found.Select(peer => PolicySuggester.NameOf(peer, Everybody)).DistinctBy(labels => string.Join(';', labels))];
        return names switch
        {
            [{ Count: 0 }] => throw new ControlException($"--for {text}: it has no label that stays the same from build to build: give it one, such as role=…"),
            [var one] => one,
            _ => throw new ControlException($"--for {text} fits several: {string.Join(" and ", names.Take(4).Select(labels => string.Join(",", labels.Select(label => $"{label.Key}={label.Value}"))))}; write the labels of one"),
        };
    }

    private static bool IsService(PolicyPeer peer, string text) =>
        LabelOf(peer, ComposeService) is { } service && (service == text || $"{LabelOf(peer, ComposeProject)}/{service}" == text);

    private static string? LabelOf(PolicyPeer peer, string key) => peer.Labels.Where(label => label.Key == key).Select(label => label.Value).FirstOrDefault();

    private static IEnumerable<string> NamesOf(string name, PolicyPeer peer) => new[] { name, LabelOf(peer, ComposeService) }.OfType<string>().Where(text => text.Length > 0);

    private static string Near(string text, IEnumerable<string> known) => NearestName.Find(text, known.Distinct().Order(StringComparer.Ordinal)) is { } near ? $"; did you mean {near}?" : "";

    private Label[] ByLabels(string text)
    {
        Label[] labels;
        try
        {
            labels = [.. text.Split(',').Select(Label.Parse)];
        }
        catch (FormatException e)
        {
            throw new ControlException($"--for {text}: {e.Message}");
        }

        if (!_containers.Any(container => labels.All(label => container.Peer.Labels.Any(label.Fits))))
        {
            IEnumerable<string> known = _containers.SelectMany(container => container.Peer.Labels).Select(label => $"{label.Key}={label.Value}");
            throw new ControlException($"--for {text}: no container has these labels, now or on record of that time{Near(text, known)}");
        }

        return labels;
    }
}
