// SPDX-License-Identifier: Apache-2.0
using Weir.Policy.Reading;

namespace Weir.Policy.Testing;

/// <summary>Reads files of tests: "*.policytest.yaml".</summary>
public sealed class PolicyTestReader
{
    private static readonly FieldSet _file = new("a file of policy tests", ["policies", "enforcement", "workloads", "tests"], []);

    private readonly ReadContext _context;

    private PolicyTestReader(ReadContext context) => _context = context;

    /// <summary>Reads a text. Never throws for what is in it: all problems are in the result.</summary>
    public static PolicyTestReadResult Read(string fileName, string text)
    {
        ArgumentNullException.ThrowIfNull(fileName);
        ArgumentNullException.ThrowIfNull(text);
        var context = new ReadContext(fileName, firstLine: 1);
        var file = new PolicyTestReader(context).ReadFile(text);
        var problems = context.Problems.OrderBy(problem => problem.Location?.Line).ThenBy(problem => problem.Location?.Column);
        return new PolicyTestReadResult(context.HasErrors ? null : file, [.. problems]);
    }

    private PolicyTestFile? ReadFile(string text)
    {
        var documents = new YamlReader(_context).Read(text.TrimStart('\uFEFF'));
        if (_context.HasErrors)
        {
            return null;
        }

        if (documents is not [{ Root: { IsNull: false } root }])
        {
            _context.Error(_context.Location(1, 1), documents.Count > 1 ? "a file of policy tests is one document; write the others into files of their own" : "the file has no tests in it");
            return null;
        }

        if (Fields.Of(_context, root, _file) is not { } fields)
        {
            return null;
        }

        var mode = fields.Value("enforcement") is { } modeNode ? ReadMode(modeNode) : EnforcementMode.Default;
        var policies = fields["policies"] is { } policiesNode ? ReadPolicies(policiesNode) : null;
        var parties = new TestPartyReader(_context);
        if (fields.Value("workloads") is { } workloads)
        {
            parties.Declare(workloads);
        }

        if (fields["tests"] is not { } testsNode)
        {
            fields.Missing("tests is missing: a list such as [{from: web, to: api, port: 80/tcp, expect: allowed}]");
            return null;
        }

        if (testsNode is { Kind: NodeKind.List, Items.Count: 0 })
        {
            _context.Error(testsNode, "tests is empty: nothing would be tested");
        }

        var reader = new PolicyTestItemReader(_context, parties);
        return new PolicyTestFile(
            _context.File, policies, mode, [.. _context.List(testsNode, "tests").Select(reader.Read).OfType<PolicyTest>()]);
    }

    private EnforcementMode ReadMode(Node node)
    {
        switch (node.Text)
        {
            case "default":
                return EnforcementMode.Default;
            case "always":
                return EnforcementMode.Always;
            case "never":
                return EnforcementMode.Never;
            default:
                _context.Error(node, $"expected enforcement default, always or never, as the agent's setting; found {node.Found}");
                return EnforcementMode.Default;
        }
    }

    private List<(string Path, SourceLocation Location)> ReadPolicies(Node node)
    {
        if (node is { Kind: NodeKind.List, Items.Count: 0 })
        {
            _context.Error(node, "policies is empty; name files or folders, or leave it out to mean all policy files beside this one");
        }

        var paths = new List<(string, SourceLocation)>();
        foreach (var item in node is { Kind: NodeKind.Scalar, IsNull: false } ? [node] : _context.List(node, "policies"))
        {
            if (_context.Text(item, "a file or folder of policy") is { } path)
            {
                if (path.Length == 0)
                {
                    _context.Error(item, "the name of a file is empty");
                }

                paths.Add((path, _context.Location(item)));
            }
        }

        return paths;
    }
}
