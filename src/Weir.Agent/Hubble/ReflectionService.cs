// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.Reflection;
using Grpc.Core;
using Weir.Api.Hubble;
using Weir.Api.Serving;

namespace Weir.Agent.Hubble;

/// <summary>Tells clients without .proto files what is served here.</summary>
internal sealed class ReflectionService : ServerReflection.ServerReflectionBase
{
    public override Task ServerReflectionInfo(IAsyncStreamReader<ServerReflectionRequest> requestStream, IServerStreamWriter<ServerReflectionResponse> responseStream, ServerCallContext context) =>
        Reflected.AnswerAsync(requestStream, responseStream, context);
}

/// <summary>The same under its older name.</summary>
internal sealed class OlderReflectionService : Api.Serving.Older.ServerReflection.ServerReflectionBase
{
    public override Task ServerReflectionInfo(IAsyncStreamReader<ServerReflectionRequest> requestStream, IServerStreamWriter<ServerReflectionResponse> responseStream, ServerCallContext context) =>
        Reflected.AnswerAsync(requestStream, responseStream, context);
}

internal static class Reflected
{
    private static readonly Google.Protobuf.Reflection.ServiceDescriptor[] _services = [Observer.Descriptor, Health.Descriptor, ServerReflection.Descriptor, Api.Serving.Older.ServerReflection.Descriptor];
    private static readonly Dictionary<string, FileDescriptor> _files = WithNeeded(_services.Select(service => service.File)).ToDictionary(file => file.Name);

    internal static async Task AnswerAsync(IAsyncStreamReader<ServerReflectionRequest> questions, IServerStreamWriter<ServerReflectionResponse> answers, ServerCallContext context)
    {
        while (await questions.MoveNext(context.CancellationToken))
        {
            ServerReflectionResponse answer = Answer(questions.Current);
            answer.ValidHost = questions.Current.Host;
            answer.OriginalRequest = questions.Current;
            await answers.WriteAsync(answer, context.CancellationToken);
        }
    }

    private static ServerReflectionResponse Answer(ServerReflectionRequest question) => question.MessageRequestCase switch
    {
        ServerReflectionRequest.MessageRequestOneofCase.ListServices => new() { ListServicesResponse = new ListServiceResponse { Service = { _services.Select(service => new ServiceResponse { Name = service.FullName }) } } },
        ServerReflectionRequest.MessageRequestOneofCase.FileByFilename => Files(_files.GetValueOrDefault(question.FileByFilename)),
        ServerReflectionRequest.MessageRequestOneofCase.FileContainingSymbol => Files(_files.Values.FirstOrDefault(file => Has(file, question.FileContainingSymbol))),
        ServerReflectionRequest.MessageRequestOneofCase.None => Error(StatusCode.InvalidArgument, "nothing is asked"),
        _ => Error(StatusCode.Unimplemented, "there are no extensions here"),
    };

    private static ServerReflectionResponse Files(FileDescriptor? file) => file is null
        ? Error(StatusCode.NotFound, "there is no such file or symbol here")
        : new() { FileDescriptorResponse = new FileDescriptorResponse { FileDescriptorProto = { WithNeeded([file]).Select(one => one.SerializedData) } } };

    private static ServerReflectionResponse Error(StatusCode code, string text) => new() { ErrorResponse = new ErrorResponse { ErrorCode = (int)code, ErrorMessage = text } };

    /// <summary>Files and those that they need, each once.</summary>
    private static IEnumerable<FileDescriptor> WithNeeded(IEnumerable<FileDescriptor> files) => files.SelectMany(file => WithNeeded(file.Dependencies).Prepend(file)).DistinctBy(file => file.Name);

    private static bool Has(FileDescriptor file, string symbol) =>
        file.Services.Any(service => service.FullName == symbol || service.Methods.Any(method => method.FullName == symbol))
        || file.EnumTypes.Any(type => type.FullName == symbol)
        || file.MessageTypes.Any(type => Has(type, symbol));

    private static bool Has(MessageDescriptor type, string symbol) =>
        type.FullName == symbol || type.EnumTypes.Any(nested => nested.FullName == symbol) || type.NestedTypes.Any(nested => Has(nested, symbol));
}
