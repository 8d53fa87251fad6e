// SPDX-License-Identifier: Apache-2.0
using Weir.Policy.Reading;

namespace Weir.Services.Reading;

/// <summary>Reads a health check of a file: a text as on a command line, or a mapping.</summary>
internal sealed class HealthCheckReader(ReadContext context)
{
    private static readonly FieldSet _check = new("a health check", ["tcp", "http", .. HealthCheckText.Options], []);

    /// <summary>Null, with a problem, when it is none.</summary>
    public HealthCheck? Read(Node node)
    {
        if (node.Kind == NodeKind.Scalar)
        {
            if (HealthCheck.TryParse(node.Text, out var read, out var error))
            {
                return read;
            }

            context.Error(node, error);
            return null;
        }

        if (Fields.Of(context, node, _check) is not { } fields || ReadKind(fields) is not { } check)
        {
            return null;
        }

        foreach (var name in HealthCheckText.Options)
        {
            if (fields[name] is { } value && context.Text(value, name) is { } text
                && HealthCheckText.ReadOption(name, text, ref check) is { Length: > 0 } fault)
            {
                context.Error(value, fault);
            }
        }

        if (HealthCheckText.Check(check) is { Length: > 0 } whole)
        {
            context.Error(node, whole);
        }

        return check;
    }

    private HealthCheck? ReadKind(Fields fields)
    {
        var (tcp, http) = (fields["tcp"], fields["http"]);
        if ((tcp is null) == (http is null))
        {
            context.Error(fields.Node, tcp is null ? "the check needs tcp: true or http: /path" : "tcp stands beside http; a check is one of them");
            return null;
        }

        if (tcp is not null)
        {
            return ReadTcp(tcp);
        }

        if (context.Text(http!, "http, a path such as /healthz") is not { } path)
        {
            return null;
        }

        if (HealthCheckText.CheckPath(path) is { Length: > 0 } fault)
        {
            context.Error(http!, fault);
        }

        return new HealthCheck(HealthCheckKind.Http) { Path = path };
    }

    /// <summary>"tcp: true", "tcp: {}" and "tcp:" mean the same.</summary>
    private HealthCheck? ReadTcp(Node node)
    {
        if (node.IsNull || node is { Kind: NodeKind.Mapping, Fields.Count: 0 } or { Kind: NodeKind.Scalar, Text: "true" })
        {
            return new HealthCheck(HealthCheckKind.Tcp);
        }

        context.Error(node, $"expected tcp: true; found {node.Found}; the port is a field of its own, port: 8081");
        return null;
    }
}
