// SPDX-License-Identifier: Apache-2.0

using Weir.Policy;
using Weir.Services;

namespace Weir.Control;

/// <summary>What is to change of a service, in the words of the command line. What is empty stays as it is.</summary>
public sealed record ServiceUpdate
{
    public required string Name { get; init; }

    public IReadOnlyList<string> Frontends { get; init; } = [];

    public IReadOnlyList<string> Backends { get; init; } = [];

    /// <summary>Takes all backends away.</summary>
    public bool NoBackends { get; init; }

    /// <summary>"role=api,app=shop": containers with all of these labels, in place of backends that are listed.</summary>
    public string Selector { get; init; } = "";

    /// <summary>Where the selected containers listen; 0: as it is, or on the frontends' port.</summary>
    public uint TargetPort { get; init; }

    public string Mode { get; init; } = "";

    /// <summary>"3h", "90s", "0".</summary>
    public string Affinity { get; init; } = "";

    /// <summary>"tcp", "http:/healthz", "none".</summary>
    public string HealthCheck { get; init; } = "";

    /// <summary>The service as it is to be.</summary>
    /// <param name="known">As it is; null: it is new.</param>
    /// <exception cref="ControlException">A word says nothing.</exception>
    internal ServiceSpec Apply(ServiceSpec? known)
    {
        if (known is null && Frontends.Count == 0)
        {
            throw new ControlException($"service \"{Name}\" is not there yet: say its --frontend, such as 203.0.113.10:80/tcp");
        }

        ServiceSpec spec = known ?? new ServiceSpec { Name = Name };
        try
        {
            if (Frontends.Count > 0)
            {
                spec = spec with { Frontends = [.. Frontends.Select(Frontend.Parse)] };
            }

            if (Backends.Count > 0 || NoBackends)
            {
                spec = spec with { Backends = [.. Backends.Select(BackendSpec.Parse)], Selector = null, TargetPort = 0 };
            }

            if (Selector.Length > 0)
            {
                spec = Select(spec);
            }

            if (TargetPort != 0)
            {
                spec = TargetPort <= ushort.MaxValue ? spec with { TargetPort = (ushort)TargetPort } : throw new ControlException($"--port {TargetPort}: write a number from 1 to {ushort.MaxValue}");
            }

            if (HealthCheck.Length > 0)
            {
                spec = spec with { HealthCheck = HealthCheck == "none" ? null : Weir.Services.HealthCheck.Parse(HealthCheck) };
            }
        }
        catch (FormatException e)
        {
            throw new ControlException(e.Message);
        }

        if (Mode.Length > 0)
        {
            spec = ServiceModeNames.TryParse(Mode, out ServiceMode mode)
                ? spec with { Mode = mode }
                : throw new ControlException($"--mode \"{Mode}\": write {string.Join(" or ", ServiceModeNames.All)}");
        }

        if (Affinity.Length > 0)
        {
            spec = spec with
            {
                AffinitySeconds = AffinityTime.TryParse(Affinity, out int seconds) ? seconds : throw new ControlException($"--affinity \"{Affinity}\": write {AffinityTime.Expected}"),
            };
        }

        return spec with { Source = known?.Source is not null && IsAll ? null : spec.Source };
    }

    /// <summary>Nothing of what a file said is left.</summary>
    private bool IsAll => Frontends.Count > 0 && (Backends.Count > 0 || NoBackends || Selector.Length > 0);

    private ServiceSpec Select(ServiceSpec spec)
    {
        if (Backends.Count > 0 || NoBackends)
        {
            throw new ControlException("--selector stands beside --backends: a service has one of them");
        }

        List<SelectorRequirement> requirements = [];
        foreach (string word in Selector.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (!word.Contains('=', StringComparison.Ordinal) || !Label.TryParse(word, out Label? label))
            {
                throw new ControlException($"--selector \"{word}\": write a label and its value, such as role=api; several with commas");
            }

            requirements.Add(new SelectorRequirement(label.IsOfAnySource ? LabelSources.Any : label.Source, label.Key, SelectorOperator.In, [label.Value]));
        }

        // As in a file.
        bool hasOnePort = spec.Frontends.Select(frontend => frontend.Port).Distinct().Count() == 1;
        return spec with
        {
            Backends = [],
            Selector = new EndpointSelector(SelectorScope.ManagedEndpoints, requirements),
            TargetPort = spec.TargetPort == 0 && hasOnePort ? spec.Frontends[0].Port : spec.TargetPort,
        };
    }
}
