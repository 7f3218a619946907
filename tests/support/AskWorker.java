// Asks a server of the Remote Execution API for the result of an action, with Bazel's own client classes: writes it to a
// file, and prints how many of the blobs that it names, and of those that describe the action, the server lacks.
import build.bazel.remote.execution.v2.Action;
import build.bazel.remote.execution.v2.ActionCacheGrpc;
import build.bazel.remote.execution.v2.ActionResult;
import build.bazel.remote.execution.v2.ContentAddressableStorageGrpc;
import build.bazel.remote.execution.v2.Digest;
import build.bazel.remote.execution.v2.FindMissingBlobsRequest;
import build.bazel.remote.execution.v2.GetActionResultRequest;
import build.bazel.remote.execution.v2.RequestMetadata;
import com.google.devtools.build.lib.remote.util.TracingMetadataUtils;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.netty.NettyChannelBuilder;
import java.nio.file.Files;
import java.nio.file.Paths;

public class AskWorker {
  public static void main(String[] words) throws Exception {
    Channel channel =
        ClientInterceptors.intercept(
            NettyChannelBuilder.forAddress("127.0.0.1", Integer.parseInt(words[0])).usePlaintext().build(),
            TracingMetadataUtils.attachMetadataInterceptor(RequestMetadata.getDefaultInstance()));
    Digest action = Digest.newBuilder().setHash(words[1]).setSizeBytes(Long.parseLong(words[2])).build();
    ActionResult result =
        ActionCacheGrpc.newBlockingStub(channel)
            .getActionResult(GetActionResultRequest.newBuilder().setActionDigest(action).build());
    Files.write(Paths.get(words[3]), result.toByteArray());
    FindMissingBlobsRequest.Builder wanted = FindMissingBlobsRequest.newBuilder().addBlobDigests(action);
    result.getOutputFilesList().forEach(file -> wanted.addBlobDigests(file.getDigest()));
    result.getOutputDirectoriesList().forEach(tree -> wanted.addBlobDigests(tree.getTreeDigest()));
    System.out.println(
        "missing: "
            + ContentAddressableStorageGrpc.newBlockingStub(channel)
                .findMissingBlobs(wanted.build())
                .getMissingBlobDigestsCount());
    System.exit(0);
  }
}
