import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import software.amazon.event.ruler.Machine;

/** Answers each line, a JSON list of a pattern and a document, both as strings, with true, false or rejected. */
public class Ruler {
    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream answers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        ObjectMapper mapper = new ObjectMapper();
        for (String line; (line = lines.readLine()) != null; ) {
            JsonNode question = mapper.readTree(line);
            answers.println(answer(question.get(0).textValue(), question.get(1).textValue()));
        }
        answers.flush();
    }

    private static String answer(String pattern, String document) throws Exception {
        Machine machine = Machine.builder().build();
        try {
            machine.addRule("rule", pattern);
        } catch (Exception rejection) {
            return "rejected";
        }
        return String.valueOf(!machine.rulesForJSONEvent(document).isEmpty());
    }
}
